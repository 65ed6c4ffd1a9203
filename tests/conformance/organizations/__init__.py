"""The requests of an organization: its members, teams, forms, workflows, platform clients and managed organizations."""
