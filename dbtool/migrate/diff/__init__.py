"""Models and database compared in the server's own words: the models are built in scratch."""
