"""A project that uses dbhealth the way a user would: small apps, their archives, a cron job."""
