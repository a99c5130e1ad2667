"""The registry to look at: a function makes the data of each page, and the browser's page and `--json` both draw that.

reader     what the index holds now, a version by its name, its evidence
pages      the data of every page
beside     two versions side by side
answers    what a base and its adapters say to a prompt
app        the pages in a browser
"""
