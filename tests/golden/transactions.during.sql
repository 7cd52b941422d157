USE golden_transactions;

START TRANSACTION;
INSERT INTO customers (name) VALUES ('Ada'), ('Grace');
INSERT INTO orders (customer, note) VALUES (1, 'first'), (2, 'second');
INSERT INTO audit VALUES (1, 'two orders');
UPDATE orders SET note = 'changed' WHERE id = 1;
COMMIT;

UPDATE customers c JOIN orders o ON o.customer = c.id SET c.name = CONCAT(c.name, '!'), o.note = 'joined';

START TRANSACTION;
INSERT INTO audit VALUES (2, 'kept');
SAVEPOINT here;
INSERT INTO audit VALUES (3, 'never');
ROLLBACK TO here;
DELETE FROM audit WHERE at = 1;
COMMIT;

START TRANSACTION;
INSERT INTO audit VALUES (99, 'never');
ROLLBACK;

INSERT INTO many WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, CONCAT('row ', i, REPEAT('.', i % 150)) FROM n;
START TRANSACTION;
UPDATE many SET v = CONCAT('odd ', id) WHERE id % 2 = 1;
DELETE FROM many WHERE id % 2 = 0;
COMMIT;

INSERT INTO old_engine VALUES (1, 1), (2, 2);
UPDATE old_engine SET v = v + 1;

DELETE FROM orders WHERE id = 2;
DELETE FROM customers WHERE id = 1;
TRUNCATE TABLE audit;
INSERT INTO audit VALUES (4, 'after the truncate');
