package traces_test

import "errors"

var errNotYet = errors.New("it has not come yet")
