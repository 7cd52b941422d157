-- Names that Avro does not take, of tables, of columns and of columns of keys.
DROP DATABASE IF EXISTS golden_names;
CREATE DATABASE golden_names CHARACTER SET utf8mb4;
USE golden_names;

CREATE TABLE columns (
    `the-id` INT PRIMARY KEY,
    `2nd` INT,
    `größe` INT,
    `αβ` INT,
    `a.b` INT,
    `_under_score` INT DEFAULT 7,
    `with space` INT,
    `über$` INT,
    `plain` INT
);
CREATE TABLE `a-table` (`key-1` INT, `2` INT, v INT, PRIMARY KEY (`2`, `key-1`));
