USE golden_compressed;

INSERT INTO a VALUES (1, 'plain');

SET SESSION binlog_transaction_compression = ON;
INSERT INTO a VALUES (2, REPEAT('compressed ', 20));
START TRANSACTION;
INSERT INTO a VALUES (3, REPEAT('x', 300)), (4, REPEAT('y', 300));
INSERT INTO b VALUES (1, JSON_OBJECT('pad', REPEAT('z', 1000)));
UPDATE a SET v = 'short' WHERE id = 3;
DELETE FROM a WHERE id = 4;
UPDATE a SET id = 30 WHERE id = 3;
COMMIT;
INSERT INTO a WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 299) SELECT i, REPEAT('row ', 50) FROM n;

SET SESSION binlog_transaction_compression = OFF;
DELETE FROM a WHERE id >= 100 AND id < 110;
