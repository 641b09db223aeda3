package doctor

// What the tests ask directly, as a test cannot make the machine so.
var (
	Space       = space
	OnNetwork   = onNetwork
	Build       = build
	Certificate = certificate
	ClockOf     = clock
	Migrations  = migrations
	Fitting     = fitting
	Mail        = mail
)
