package main

import (
	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/settings"
)

func (cfg *config) readMail(r *env.Reader) {
	r.Group("Mail")
	s := &cfg.settings
	s.SenderName = env.Find(r, env.Text, "SENDER_NAME", "Who mails are from.")
	s.SenderAddress = env.Find(r, env.Text, "SENDER_ADDRESS", "The address that mails are from.")
	s.SMTP = settings.SMTP{
		Enabled:    env.Find(r, env.Bool, "SMTP", "Sends by SMTP instead of the machine's sendmail. Unset means true if SMTP_HOST is set."),
		Host:       env.Find(r, env.Text, "SMTP_HOST", "The mail server."),
		Port:       env.Find(r, env.Int, "SMTP_PORT", "Its port, 587 in a new app."),
		Username:   env.Find(r, env.Text, "SMTP_USERNAME", "Who signs in to it."),
		Password:   env.Find(r, env.Text, "SMTP_PASSWORD", "With which password.", env.Secret()),
		AuthMethod: env.Find(r, env.OneOf("PLAIN", "LOGIN"), "SMTP_AUTH_METHOD", "How, PLAIN in a new app."),
		TLS:        env.Find(r, env.Bool, "SMTP_TLS", "TLS from the first byte, as on port 465. Otherwise STARTTLS if the server offers it."),
		LocalName:  env.Find(r, env.Text, "SMTP_LOCAL_NAME", "The name to say in EHLO, which some servers want to be a real one."),
	}
}

func (cfg *config) readStorage(r *env.Reader) {
	r.Group("Storage of uploaded files")
	cfg.settings.Files = readBucket(r, "S3", "uploaded files")
	r.Group("Backups")
	cfg.settings.BackupsCron = env.Find(r, env.Text, "BACKUPS_CRON", "When backups are made, such as `0 3 * * *`.")
	cfg.settings.BackupsKeep = env.Find(r, env.Int, "BACKUPS_KEEP", "How many of those are kept, 3 in a new app.")
	cfg.settings.Backups = readBucket(r, "BACKUPS_S3", "backups")
}

func readBucket(r *env.Reader, prefix, what string) settings.S3 {
	return settings.S3{
		Enabled:        env.Find(r, env.Bool, prefix, "Keeps "+what+" in S3 instead of the data directory. Unset means true if "+prefix+"_BUCKET is set."),
		Bucket:         env.Find(r, env.Text, prefix+"_BUCKET", "The bucket."),
		Region:         env.Find(r, env.Text, prefix+"_REGION", "Its region."),
		Endpoint:       env.Find(r, env.Text, prefix+"_ENDPOINT", "The server's address, such as https://s3.example.com."),
		AccessKey:      env.Find(r, env.Text, prefix+"_ACCESS_KEY", "The access key."),
		Secret:         env.Find(r, env.Text, prefix+"_SECRET", "The access key's secret.", env.Secret()),
		ForcePathStyle: env.Find(r, env.Bool, prefix+"_FORCE_PATH_STYLE", "Puts the bucket into the path instead of the host name, as most servers other than Amazon's want."),
	}
}

func (cfg *config) readLimits(r *env.Reader) {
	r.Group("Limits")
	s := &cfg.settings
	s.RateLimits = env.Find(r, env.Bool, "RATE_LIMITS",
		"Turns the rate limiter on or off. Unset turns it on in an app whose limits nobody has touched in the dashboard. false is for load tests; it lasts as long as it is set.")
	s.RateLimitExcludedIPs = env.Get(r, env.List, "RATE_LIMITS_EXCLUDED_IPS", nil, "The addresses and subnets without limits.")
	s.Batch = settings.Batch{
		Enabled:     env.Find(r, env.Bool, "BATCH", "Turns the batch API on or off. Unset turns it on in an app whose batch settings nobody has touched. false lasts as long as it is set."),
		MaxRequests: env.Find(r, env.Int, "BATCH_MAX_REQUESTS", "How many requests a batch may hold, 100 in a new app."),
		TimeoutSec:  env.Find(r, env.Int, "BATCH_TIMEOUT", "How many seconds a batch may take, 10 in a new app."),
		MaxBodySize: env.Find(r, env.Size, "BATCH_MAX_BODY", "How large a batch may be, 64MiB in a new app."),
	}
}

func (cfg *config) readSuperuser(r *env.Reader) {
	r.Group("First superuser")
	cfg.settings.Superuser = settings.Superuser{
		Email:    env.Get(r, env.Text, "SUPERUSER_EMAIL", "", "Creates this superuser if it does not exist."),
		Password: env.Get(r, env.Text, "SUPERUSER_PASSWORD", "", "Its password, 8 to 71 bytes. Counts only when the account is created.", env.Secret()),
		ResetPassword: env.Get(r, env.Bool, "SUPERUSER_RESET_PASSWORD", false,
			"Gives an existing account the password at each start, and ends its sessions if it had another."),
	}
}
