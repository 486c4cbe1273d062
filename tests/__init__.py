"""The tests of dbhealth; tests/servers/ starts the database engines they run on."""
