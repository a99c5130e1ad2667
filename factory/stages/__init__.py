"""The five stages: plain functions from conf groups, products and sources to the files of one product."""
