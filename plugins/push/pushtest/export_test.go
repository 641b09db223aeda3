package pushtest

// Decode is for the vectors of RFC 8188, which are no messages of Web Push.
var Decode = decode
