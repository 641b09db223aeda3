package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// decodeStrictly decodes one JSON value without unknown names, and with nothing after it.
func decodeStrictly(raw []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the value")
	}
	return nil
}
