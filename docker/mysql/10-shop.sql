-- Runs once, when the server's data is made. The account exists already, with the password of the secret.
GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO remora;

CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, email VARCHAR(80) NOT NULL, since DATE);
CREATE TABLE orders (
  id INT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, total DECIMAL(10,2) NOT NULL,
  state ENUM('open','paid','sent') NOT NULL DEFAULT 'open'
);
INSERT INTO customers (email, since) VALUES ('ada@example.com', '2024-02-29'), ('grace@example.com', '2025-01-01');
INSERT INTO orders (customer, total) VALUES (1, 19.90), (2, 7.00);
