-- Compressed transactions between plain ones: each arrives as one event that holds the others.
DROP DATABASE IF EXISTS golden_compressed;
CREATE DATABASE golden_compressed CHARACTER SET utf8mb4;
USE golden_compressed;

CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(300));
CREATE TABLE b (id INT PRIMARY KEY, v JSON);
