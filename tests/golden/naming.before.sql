-- Names that no topic may have as they are.
DROP DATABASE IF EXISTS golden_naming;
CREATE DATABASE golden_naming CHARACTER SET utf8mb4;
USE golden_naming;
CREATE TABLE `two words` (id INT PRIMARY KEY);
CREATE TABLE `ünïcode 表` (id INT PRIMARY KEY, `naïve col` INT, `1st` INT, `a-b` INT);
CREATE TABLE `a-b` (id INT PRIMARY KEY);
CREATE TABLE `under_score` (id INT PRIMARY KEY);
CREATE TABLE `dbz_878_some|test@data` (id INT PRIMARY KEY);
CREATE TABLE `$money#` (id INT PRIMARY KEY);
