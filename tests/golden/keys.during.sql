USE golden_keys;

INSERT INTO composite VALUES (1, 'x', '2024-01-01', 10), (2, 'y', '2024-01-02', 20);
UPDATE composite SET v = 11 WHERE a = 1;
UPDATE composite SET b = 'moved', v = 21 WHERE a = 2;
DELETE FROM composite WHERE a = 1;

INSERT INTO plain VALUES (1, 'one'), (2, 'two'), (3, 'three');
UPDATE plain SET id = id + 10 ORDER BY id DESC;
UPDATE plain SET v = 'same key' WHERE id = 11;
REPLACE INTO plain VALUES (12, 'replaced');
INSERT INTO plain VALUES (13, 'ignored') ON DUPLICATE KEY UPDATE v = 'upserted';
DELETE FROM plain;

INSERT INTO keyless VALUES (1, 'one'), (2, NULL), (2, NULL);
UPDATE keyless SET b = 'uno' WHERE a = 1;
DELETE FROM keyless WHERE a = 2;

INSERT INTO unique_only VALUES (1, 1);
UPDATE unique_only SET b = 2;
UPDATE unique_only SET a = 2;
DELETE FROM unique_only;
INSERT INTO unique_nullable VALUES (1, 1), (NULL, 2);
UPDATE unique_nullable SET b = 3;
INSERT INTO unique_twice VALUES (1, 100, 1);
UPDATE unique_twice SET a = 2;
INSERT INTO prefixed VALUES ('abcdef', 1);
UPDATE prefixed SET name = 'abcdxx' WHERE v = 1;
