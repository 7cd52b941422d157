USE golden_outbox;
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, shard, price, happened_at) VALUES
    ('00000000-0000-0000-0000-000000000001', 'order', '17', 'created',
     '{"id": 17, "lines": [{"sku": "a", "n": 2}], "note": null, "tags": [], "total": 12.50, "big": 5000000000, "open": true, "to": {"city": "Mönchengladbach", "zip": "41061"}}',
     3, 12.50, '2020-02-03 04:05:06.789012'),
    ('00000000-0000-0000-0000-000000000002', 'order', '18', 'created', '{"id": 18}', NULL, NULL, NULL);
INSERT INTO beside VALUES (1, 'a row of another table');
INSERT INTO jobs (aggregatetype, aggregateid, type, payload, shard, attempt, price, happened_at) VALUES
    ('order', 17, 'mail', '{"to":"x@example.com","cc":["a","b"],"half":0.5,"e":1e3,"deep":[[1,2],[3]]}', 2, 1, 0.1, '2021-01-02 03:04:05.678'),
    ('order', NULL, 'print', 'plain "text"\n', NULL, 2, NULL, NULL),
    ('order', 18, 'mail', '', 1, 1, 1e20, '2021-01-02 03:04:05'),
    ('order', 18, 'mail', '   ', 1, 1, 1, '2021-01-02 03:04:05'),
    ('order', 19, 'mail', '{"mixed":[1,"a"]}', 0, 1, 1, '2021-01-02 03:04:05'),
    ('order', 20, 'mail', '{"two":[{"a":1},{"a":2}],"empty":{}}', 0, 1, 1, '2021-01-02 03:04:05');
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, shard, happened_at) VALUES
    ('00000000-0000-0000-0000-000000000003', 'customer', 'c-1', 'renamed', '{"name": "\\u00e9 \\"x\\"", "n": null}', 0, '2020-02-03 04:05:06'),
    ('00000000-0000-0000-0000-000000000004', 'customer', 'c-2', 'deleted', NULL, 1, '1999-12-31 23:59:59.5');
UPDATE outbox SET attempt = 2 WHERE aggregateid = '18';
UPDATE beside SET v = 'changed';
DELETE FROM outbox;
DELETE FROM jobs WHERE type = 'print';
DELETE FROM beside;
