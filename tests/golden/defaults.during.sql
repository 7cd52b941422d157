USE golden_defaults;
INSERT INTO integers (absent) VALUES (1);
UPDATE integers SET absent = 2, id = 9;
INSERT INTO numbers () VALUES ();
DELETE FROM numbers;
INSERT INTO texts (gg, bl, pn) VALUES (ST_GeomFromText('POINT(1 2)'), 'b', ST_GeomFromText('POINT(3 4)'));
UPDATE texts SET v = 'other';
INSERT INTO moments (dc, dcn, dc6, tc, tc3, tcn, dcp, tcn6) VALUES
  ('2024-01-01', '2024-01-01', '2024-01-01', '2024-01-01', '2024-01-01', '2024-01-01', '2024-01-01', '2024-01-01');
INSERT INTO computed (id, b) VALUES (1, 'fixed');
TRUNCATE TABLE emptied;
SET sql_mode = '';
INSERT INTO zeros (id) VALUES (1);
ALTER TABLE integers ADD later VARCHAR(10) NOT NULL DEFAULT 'later', ALTER absent SET DEFAULT 3;
INSERT INTO integers () VALUES ();
