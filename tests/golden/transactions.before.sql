-- Transactions: several tables and statements, savepoints, rollbacks, 200 rows in one statement (several row events) and
-- in many, a TRUNCATE, a transaction of each engine.
DROP DATABASE IF EXISTS golden_transactions;
CREATE DATABASE golden_transactions CHARACTER SET utf8mb4;
USE golden_transactions;

CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL, orders INT NOT NULL DEFAULT 0);
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, note VARCHAR(400), FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE);
CREATE TABLE audit (at INT, what VARCHAR(40));
CREATE TABLE many (id INT PRIMARY KEY, v VARCHAR(200));
CREATE TABLE old_engine (id INT PRIMARY KEY, v INT) ENGINE = MyISAM;
CREATE TRIGGER count_orders AFTER INSERT ON orders FOR EACH ROW UPDATE customers SET orders = orders + 1 WHERE id = NEW.customer;
