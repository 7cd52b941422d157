USE golden_invalid;

INSERT INTO texts VALUES
  (1, x'41d242', x'41d242', x'41fcfc42', x'41fe9f42', x'41c6e142', x'41a9a942', x'41c9a142', x'0041d8000042'),
  (2, x'41a1', x'd2ff', x'fcfc', x'a2a0', x'c7c8', x'fefe', x'fefe', x'dc00d800'),
  (3, 'plain', 'Ωμέγα', '日本', '中文', '中文', '日本', '한국', '값');
