-- Transaction metadata: begins and ends, counts by table in the order of Java's map, and each change's place.
-- oracle: provide.transaction.metadata=true
-- remora: records.transactions = true
DROP DATABASE IF EXISTS golden_metadata;
DROP DATABASE IF EXISTS other_metadata;
CREATE DATABASE golden_metadata;
CREATE DATABASE other_metadata;
CREATE TABLE other_metadata.t (id INT PRIMARY KEY);
USE golden_metadata;
CREATE TABLE a (id INT PRIMARY KEY, v INT);
CREATE TABLE b (id INT PRIMARY KEY, v INT);
CREATE TABLE orders (id INT PRIMARY KEY, v INT);
CREATE TABLE customers (id INT PRIMARY KEY, v INT);
CREATE TABLE products (id INT PRIMARY KEY, v INT);
CREATE TABLE inventory (id INT PRIMARY KEY, v INT);
CREATE TABLE shipments (id INT PRIMARY KEY, v INT);
CREATE TABLE payments (id INT PRIMARY KEY, v INT);
CREATE TABLE refunds (id INT PRIMARY KEY, v INT);
CREATE TABLE carts (id INT PRIMARY KEY, v INT);
CREATE TABLE users (id INT PRIMARY KEY, v INT);
CREATE TABLE sessions (id INT PRIMARY KEY, v INT);
CREATE TABLE logs (id INT PRIMARY KEY, v INT);
CREATE TABLE prices (id INT PRIMARY KEY, v INT);
CREATE TABLE keyless (v INT);
