package apns

import "github.com/holdall-go/holdall/plugins/push/internal/exchange"

// Refusal is for answers that no server gives.
func Refusal(a *exchange.Answer) error { return refusal(a) }
