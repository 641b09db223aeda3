package webpush

// Encrypt and Padding are for the vectors of the RFCs, which have a fixed salt
// and a fixed key, and Refusal is for answers that no server gives.
var (
	Encrypt = encrypt
	Padding = padding
	Refusal = refusal
)
