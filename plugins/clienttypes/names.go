package clienttypes

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pocketbase/pocketbase/tools/inflector"
)

// names are the names of types that are taken, in both languages: one name is
// used in either.
type names map[string]bool

// declared finds what the parts that never change declare.
var declared = regexp.MustCompile(`(?m)^(?:export |abstract |declare )*(?:interface|type|class|const|function|async function|enum|extension|typedef|mixin) (\w+)`)

// newNames knows what the languages and their SDKs have.
func newNames() names {
	taken := names{}
	for _, text := range []string{typescriptRuntime, dartRuntime} {
		for _, found := range declared.FindAllStringSubmatch(text, -1) {
			taken[found[1]] = true
		}
	}
	for _, list := range []string{typescriptTaken, dartTaken} {
		for name := range strings.FieldsSeq(list) {
			taken[name] = true
		}
	}
	return taken
}

// Types that files use, and what a type of the same name would make confusing.
const (
	typescriptTaken = `Array Blob Boolean BodyInit Collections Date Error Exclude Extract Fetch File FormData Function Headers Infinity
		JSON Map Math NaN Number Object Omit Partial Pick PocketBase Promise Proxy RangeError Readonly Record RecordModel RecordService
		RegExp Request RequestInfo RequestInit Required Response Set String Symbol URL BigInt
		BaseAuthStore BatchService ListResult OAuth2AuthConfig RecordListOptions RecordOptions RecordSubscribeOptions SendOptions
		SubBatchService UnsubscribeFunc`
	dartTaken = `Api BaseModel ClientException Comparable DateTime Deprecated Duration Enum Expando Future Invocation Iterable Iterator
		List Never Null Pattern RecordAuth RecordSubscriptionEvent Records ResultList Runes StackTrace Stopwatch Stream Type Uri
		AsyncAuthStore AuthStore AuthMethodsList BackupService CollectionModel CollectionField CronJob FileService HealthCheck
		HealthService LogModel LogService MultipartFile OTPResponse RealtimeService SettingsService Jsonable BatchResult
		TokenConfig MfaConfig OtpConfig AuthAlertConfig EmailTemplateConfig CronService SqlService SQLService BaseService
		AppleClientSecret AuthMethodMFA AuthMethodOAuth2 AuthMethodOTP AuthMethodPassword AuthMethodProvider BackupFileInfo
		ConfigurableOAuth2Provider MFAConfig OAuth2Config OTPConfig SQLResult BaseCrudService CollectionService`
)

// suffixes are what follows the name of a collection's record in the names of
// its other types.
var suffixes = []string{"", "Create", "Update", "Columns", "Fields", "Field", "Expand", "Relations"}

// take gives a name to a type and what is named after it, the same with a word
// or a number behind it if it is taken.
func (n names) take(name, word string, followers ...string) string {
	free := func(candidate string) bool {
		return !slices.ContainsFunc(followers, func(f string) bool { return n[candidate+f] })
	}
	candidate := name
	if !free(candidate) {
		candidate = name + word
	}
	for i := 2; !free(candidate); i++ {
		candidate = name + strconv.Itoa(i)
	}
	for _, f := range followers {
		n[candidate+f] = true
	}
	return candidate
}

// recordName is "WorkOrder" for work_orders.
func recordName(collection string) string {
	words := splitWords(collection)
	if len(words) == 0 {
		return "X"
	}
	last := len(words) - 1
	words[last] = singular(words[last])
	return letterFirst(pascal(words))
}

func singular(word string) string {
	if len(word) < 4 || strings.HasSuffix(word, "ss") || strings.HasSuffix(word, "us") {
		return word
	}
	if one := inflector.Singularize(word); one != "" {
		return one
	}
	return word
}

// splitWords splits at what is neither a letter nor a digit.
func splitWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// pascal is WorkOrder for work order; what is a capital already stays one.
func pascal(words []string) string {
	var out strings.Builder
	for _, word := range words {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// camel is workOrder for work order; a word of capitals at the start, such as
// URL, becomes small.
func camel(text string) string {
	words := splitWords(text)
	if len(words) == 0 {
		return "x"
	}
	first := words[0]
	if strings.ToUpper(first) == first {
		first = strings.ToLower(first)
	}
	words[0] = strings.ToLower(first[:1]) + first[1:]
	return letterFirst(words[0] + pascal(words[1:]))
}

// letterFirst puts a letter before a digit.
func letterFirst(name string) string {
	if name[0] >= '0' && name[0] <= '9' {
		return "x" + name
	}
	return name
}

// members are the names of the members of one object or class.
type members map[string]bool

// take gives a member its name, with a number behind it if it is taken.
func (m members) take(name string) string {
	candidate := name
	for i := 2; m[candidate]; i++ {
		candidate = name + strconv.Itoa(i)
	}
	m[candidate] = true
	return candidate
}
