"""The one reading of listing text: characters, quantities, colours, brands, codes, noise."""
