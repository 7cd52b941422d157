USE golden_names;
INSERT INTO columns VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9);
UPDATE columns SET `2nd` = 20;
UPDATE columns SET `the-id` = 2;
DELETE FROM columns;
INSERT INTO `a-table` VALUES (1, 2, 3);
UPDATE `a-table` SET v = 4;
