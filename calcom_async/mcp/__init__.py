"""An MCP server: tools with which AI agents schedule on Cal.com. `calcom-async mcp` runs it.

It is a front end. Each tool calls the library; `tool` describes tools to clients and checks their arguments, and
`server` runs them.
"""
