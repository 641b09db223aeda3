package fastlane

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// token is one value of a JSON object, as it was sent.
type token []byte

// text returns what a JSON text stands for, as encoding/json decodes it.
func (t token) text() (string, bool) {
	if len(t) < 2 || t[0] != '"' {
		return "", false
	}
	if inner := t[1 : len(t)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(t, &s)
	return s, err == nil
}

// number returns a number as encoding/json decodes it.
func (t token) number() (float64, bool) {
	if len(t) == 0 || t[0] != '-' && !isDigit(t[0]) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(t), 64)
	return f, err == nil
}

// texts returns a JSON list of texts.
func (t token) texts() ([]string, bool) {
	if len(t) == 0 || t[0] != '[' {
		return nil, false
	}
	var list []any
	if json.Unmarshal(t, &list) != nil {
		return nil, false
	}
	texts := make([]string, len(list))
	for i, item := range list {
		var ok bool
		if texts[i], ok = item.(string); !ok {
			return nil, false
		}
	}
	return texts, true
}

func (t token) null() bool { return string(t) == "null" }

// readObject calls use for each value of a JSON object. It reads what encoding/json
// reads and nothing else, and fails on all that is seldom: keys with a backslash or
// foreign letters, and something behind the object.
func readObject(s scanner, use func(key []byte, value token) Reason) Reason {
	s.space()
	if !s.take('{') {
		return ReasonJSON
	}
	s.space()
	if s.take('}') {
		return s.end()
	}
	for {
		s.space()
		key, ok := s.quoted()
		if !ok || !isPlainKey(key[1:len(key)-1]) {
			return ReasonJSON
		}
		s.space()
		if !s.take(':') {
			return ReasonJSON
		}
		s.space()
		value, ok := s.value()
		if !ok {
			return ReasonJSON
		}
		if reason := use(key[1:len(key)-1], value); reason != "" {
			return reason
		}
		s.space()
		if s.take('}') {
			return s.end()
		}
		if !s.take(',') {
			return ReasonJSON
		}
	}
}

// readList calls use for each value of a JSON list that is valid.
func readList(list token, use func(value token) Reason) Reason {
	s := within(list)
	if !s.take('[') {
		return ReasonJSON
	}
	s.space()
	for !s.take(']') {
		value, ok := s.value()
		if !ok {
			return ReasonJSON
		}
		if reason := use(value); reason != "" {
			return reason
		}
		s.space()
		s.take(',')
		s.space()
	}
	return ""
}

func isPlainKey(key []byte) bool {
	for _, c := range key {
		if c >= utf8.RuneSelf || c == '\\' {
			return false
		}
	}
	return true
}

// scanner splits JSON into values.
type scanner struct {
	body  []byte
	at    int
	valid bool // it is part of what was checked
}

// asSent is for a body, which nobody has checked.
func asSent(body []byte) scanner { return scanner{body: body} }

// within is for the inside of a value that a scanner has returned, and so has checked.
func within(value token) scanner { return scanner{body: value, valid: true} }

func (s *scanner) end() Reason {
	s.space()
	if s.at < len(s.body) {
		return ReasonJSON
	}
	return ""
}

func (s *scanner) space() {
	for s.at < len(s.body) {
		switch s.body[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.body) && s.body[s.at] == c {
		s.at++
		return true
	}
	return false
}

// quoted takes a text with its quotes. Escapes are not looked at.
func (s *scanner) quoted() (token, bool) {
	start := s.at
	if !s.take('"') {
		return nil, false
	}
	for s.at < len(s.body) {
		c := s.body[s.at]
		s.at++
		switch {
		case c == '"':
			return s.body[start:s.at], true
		case c == '\\':
			s.at++
		case c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// value takes a value, which is checked if it was not before as a part of another.
func (s *scanner) value() (token, bool) {
	if s.at >= len(s.body) {
		return nil, false
	}
	start := s.at
	if s.valid {
		s.pass()
		return s.body[start:s.at], true
	}
	switch s.body[s.at] {
	case '"':
		value, ok := s.quoted()
		return value, ok && (bytes.IndexByte(value, '\\') < 0 || json.Valid(value))
	case '{', '[':
		if !s.nested() {
			return nil, false
		}
	default:
		for s.at < len(s.body) && isScalarPart(s.body[s.at]) {
			s.at++
		}
	}
	value := s.body[start:s.at]
	if !json.Valid(value) {
		return nil, false
	}
	if value[0] == '-' || isDigit(value[0]) {
		_, ok := token(value).number() // one that is too large is JSON, too
		return value, ok
	}
	return value, true
}

// pass passes a value that is valid.
func (s *scanner) pass() {
	depth := 0
	for s.at < len(s.body) {
		switch c := s.body[s.at]; {
		case c == '"':
			s.passText()
		case c == '{' || c == '[':
			depth++
			s.at++
			continue
		case c == '}' || c == ']':
			depth--
			s.at++
		case isScalarPart(c):
			for s.at < len(s.body) && isScalarPart(s.body[s.at]) {
				s.at++
			}
		default: // between values
			s.at++
			continue
		}
		if depth == 0 {
			return
		}
	}
}

// passText passes a text that is valid.
func (s *scanner) passText() {
	for s.at++; s.at < len(s.body); {
		n := bytes.IndexByte(s.body[s.at:], '"')
		if n < 0 {
			s.at = len(s.body)
			return
		}
		end := s.at + n
		s.at = end + 1
		escapes := 0 // a quote behind an odd number of them does not end it
		for s.body[end-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return
		}
	}
}

func isScalarPart(c byte) bool {
	return isNamePart(c) && c != ':' || c == '-' || c == '+'
}

// nested passes an object or a list, whose inside is checked as a whole. It fails on
// numbers that may be too large, which are JSON and which PocketBase refuses.
func (s *scanner) nested() bool {
	const most = 300 // digits that no number is too large with
	depth, digits := 0, 0
	for s.at < len(s.body) {
		c := s.body[s.at]
		switch {
		case isDigit(c):
			digits++
		case digits > 0 && (c == 'e' || c == 'E'), digits > most:
			return false
		default:
			digits = 0
		}
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			if _, ok := s.quoted(); !ok {
				return false
			}
			continue
		}
		s.at++
		if depth == 0 {
			return true
		}
	}
	return false
}
