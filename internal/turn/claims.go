package turn

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"
)

// Claims is what a token says of its bearer. The zero Claims are those of the platform itself:
// timers and messages of other entities carry them.
type Claims struct {
	Subject   string
	Issuer    string
	ExpiresAt time.Time // zero: never; to the millisecond
	IssuedAt  time.Time // zero: not said; to the millisecond
	// Extra holds every other claim, as encoding/json decodes it.
	Extra map[string]any
}

// String returns the text claim of this name, or "" where there is none or it is no text.
func (c Claims) String(name string) string {
	s, _ := c.Extra[name].(string)
	return s
}

// MarshalJSON encodes the claims as the claim set of a JWT (RFC 7519). Members of Extra that have
// the name of a field are left out.
func (c Claims) MarshalJSON() ([]byte, error) {
	all := make(map[string]any, len(c.Extra)+4)
	maps.Copy(all, c.Extra)
	set := func(name string, value any, said bool) {
		if said {
			all[name] = value
		} else {
			delete(all, name)
		}
	}
	set("sub", c.Subject, c.Subject != "")
	set("iss", c.Issuer, c.Issuer != "")
	set("exp", numericDate(c.ExpiresAt), !c.ExpiresAt.IsZero())
	set("iat", numericDate(c.IssuedAt), !c.IssuedAt.IsZero())
	return json.Marshal(all)
}

// UnmarshalJSON decodes the claim set of a JWT. It verifies nothing. Names count letter for letter,
// so that a claim "Sub" is not the subject.
func (c *Claims) UnmarshalJSON(data []byte) error {
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("decode claims: %w", err)
	}
	var errs [4]error
	*c = Claims{}
	c.Subject, errs[0] = takeText(all, "sub")
	c.Issuer, errs[1] = takeText(all, "iss")
	c.ExpiresAt, errs[2] = takeDate(all, "exp")
	c.IssuedAt, errs[3] = takeDate(all, "iat")
	if len(all) > 0 {
		c.Extra = all
	}
	return errors.Join(errs[:]...)
}

func takeText(all map[string]any, name string) (string, error) {
	value, ok := all[name]
	if !ok {
		return "", nil
	}
	delete(all, name)
	s, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("decode claims: %s is no text", name)
	}
	return s, nil
}

func takeDate(all map[string]any, name string) (time.Time, error) {
	value, ok := all[name]
	if !ok {
		return time.Time{}, nil
	}
	delete(all, name)
	seconds, ok := value.(float64)
	if !ok {
		return time.Time{}, fmt.Errorf("decode claims: %s is no date", name)
	}
	if math.Abs(seconds) > 1e12 { // the year 33,658
		return time.Time{}, fmt.Errorf("decode claims: %s is out of range", name)
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))), nil
}

func numericDate(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
