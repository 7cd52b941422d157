-- Which columns are shown, and which make the key: lists of columns and keys, with a key column that is not shown.
-- oracle: column.exclude.list=golden_columns.users.secret,golden_columns\.(orders|notes)\.(note|id),.*\.all_.*
-- oracle: message.key.columns=golden_columns.orders:item,customer;(.*).keyless:b
-- remora: capture.exclude_columns = ['golden_columns.users.secret', 'golden_columns\.(orders|notes)\.(note|id)', '.*\.all_.*']
-- remora: capture.key_columns = ['golden_columns.orders:item,customer', '(.*).keyless:b']
DROP DATABASE IF EXISTS golden_columns;
CREATE DATABASE golden_columns CHARACTER SET utf8mb4;
USE golden_columns;

CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), secret VARCHAR(20), Secret2 INT);
CREATE TABLE orders (id INT PRIMARY KEY, customer INT, item VARCHAR(10), note TEXT, amount DECIMAL(8,2));
CREATE TABLE notes (id INT, kind CHAR(1), note TEXT, v INT, PRIMARY KEY (kind, id));
CREATE TABLE keyless (a INT, b INT, all_c INT);
CREATE TABLE nothing (all_a INT PRIMARY KEY, all_b INT);
