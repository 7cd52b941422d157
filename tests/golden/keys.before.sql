-- What a record's key is: composite keys in the key's own order, a unique index instead, none at all; and rows that
-- change their key.
DROP DATABASE IF EXISTS golden_keys;
CREATE DATABASE golden_keys CHARACTER SET utf8mb4;
USE golden_keys;

CREATE TABLE composite (a INT, b VARCHAR(20), c DATE, v INT, PRIMARY KEY (b, a, c));
CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE keyless (a INT, b TEXT);
CREATE TABLE unique_only (a INT NOT NULL UNIQUE, b INT);
CREATE TABLE unique_nullable (a INT UNIQUE, b INT);
CREATE TABLE unique_twice (a INT NOT NULL, b INT NOT NULL, c INT, UNIQUE KEY second_one (b), UNIQUE KEY first_one (a));
CREATE TABLE prefixed (name VARCHAR(100), v INT, PRIMARY KEY (name(4)));
