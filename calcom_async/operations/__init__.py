"""The operations of the Cal.com API v2 as data.

`catalog` lists them, with the Python calls of each. `specification` reads an OpenAPI document, and
`python -m calcom_async.operations SPEC.json` compares the two. `python_calls` finds the Python calls.
`lists.list_rows` reads all pages of a list that has no method.
"""
