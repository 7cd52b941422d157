SET NAMES utf8mb4;
USE golden_naming;
INSERT INTO `two words` VALUES (1);
INSERT INTO `ünïcode 表` VALUES (1, 2, 3, 4);
INSERT INTO `a-b` VALUES (1);
INSERT INTO `under_score` VALUES (1);
INSERT INTO `dbz_878_some|test@data` VALUES (1);
INSERT INTO `$money#` VALUES (1);
