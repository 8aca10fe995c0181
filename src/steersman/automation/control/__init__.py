"""What a person does about automations: hold back, end, repeat, make up for; and what is under way meanwhile."""
