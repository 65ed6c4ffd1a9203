"""The operations of the Cal.com API v2 as data: `catalog` lists them, `specification` reads an OpenAPI document."""
