USE golden_schema;

INSERT INTO evolving VALUES (1, 'one');
ALTER TABLE evolving ADD COLUMN c INT NOT NULL DEFAULT 42 AFTER a;
INSERT INTO evolving (a, b) VALUES (2, 'after the first change');
ALTER TABLE evolving CHANGE COLUMN b text_now VARCHAR(30), ADD COLUMN d JSON;
INSERT INTO evolving VALUES (3, 9, 'three', '{}');
ALTER TABLE evolving DROP COLUMN c, ADD PRIMARY KEY (a);
UPDATE evolving SET text_now = 'keyed' WHERE a = 3;
ALTER TABLE evolving MODIFY COLUMN a BIGINT UNSIGNED;
UPDATE evolving SET d = '[1]' WHERE a = 1;

CREATE TABLE born_late LIKE computed;
INSERT INTO born_late (given, family) VALUES ('Edsger', 'Dijkstra');
RENAME TABLE born_late TO renamed;
INSERT INTO renamed (given, family) VALUES ('Barbara', 'Liskov');
DROP TABLE renamed;
CREATE TABLE renamed (id INT PRIMARY KEY) SELECT 7 AS id;
DROP TABLE renamed;

INSERT INTO computed (given, family, hidden) VALUES ('Grace', 'Hopper', 9);
INSERT INTO computed (given, family) VALUES ('Ada', NULL);
UPDATE computed SET family = 'King' WHERE id = 2;

INSERT INTO `odd name-1` VALUES (1, 2, '값', 3, 4);
UPDATE `odd name-1` SET `select` = 4;
DELETE FROM `odd name-1`;
