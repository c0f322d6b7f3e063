"""From a landed file, or SQL, to listings and quarantine (DESIGN.md, "Rooms")."""
