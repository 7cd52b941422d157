USE golden_unwrap;
INSERT INTO items (id, name, price, weight, document, place, at) VALUES
    (1, 'one "quoted" ü 🐟', 12.50, 1e20, '{"a": [1, 2.50]}', ST_GeomFromText('POINT(1 2)'), '2020-02-03 04:05:06.789'),
    (2, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO beside VALUES (1, 'x');
UPDATE items SET name = 'two', kind = 'old' WHERE id = 2;
UPDATE items SET topic_name = ' ' WHERE id = 2;
UPDATE items SET id = 3, topic_name = 'items-b' WHERE id = 2;
INSERT INTO keyless VALUES (7, 'seven'), (8, NULL);
UPDATE keyless SET name = 'eight' WHERE id = 8;
DELETE FROM items WHERE id = 1;
DELETE FROM keyless;
DELETE FROM beside;
BEGIN;
INSERT INTO items (id, name) VALUES (4, 'in a transaction');
DELETE FROM items WHERE id = 3;
COMMIT;
