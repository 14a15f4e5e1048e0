"""`revision --autogenerate`: a change of the models as a revision that is reviewed and proven."""
