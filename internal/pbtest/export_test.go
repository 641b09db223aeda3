package pbtest

// NoGoroutineLeakWithin is NoGoroutineLeak with another grace period.
var NoGoroutineLeakWithin = noGoroutineLeakWithin
