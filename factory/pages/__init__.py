"""Pages for people: self-contained HTML files, written from the plain data that stages leave behind."""
