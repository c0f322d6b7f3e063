"""What models are asked: templates, request bodies, token counts."""
