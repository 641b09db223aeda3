package fcm

// Refusal is for answers that no server gives.
var Refusal = refusal
