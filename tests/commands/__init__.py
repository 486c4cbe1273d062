"""The commands, as a person, a cron job and a program meet them."""
