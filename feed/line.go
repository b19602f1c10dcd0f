package feed

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tutti-rt/tutti/journal"
)

// line is one line of a stream: an item, a mark that ends a page, or the last one. The fields of one kind are absent from the others.
type line struct {
	Cursor   string          `json:"cursor"`
	Category string          `json:"category"`
	ID       string          `json:"id"`
	Revision uint64          `json:"rev"`
	Name     string          `json:"name"`
	Data     json.RawMessage `json:"data"`
	Bytes    []byte          `json:"bytes"` // in place of data that is no JSON, or not on one line
	At       int64           `json:"at"`    // Unix ms
	By       string          `json:"by"`
	Command  uint64          `json:"cmd"`

	Mark   string `json:"mark"`
	Behind uint64 `json:"behind"`

	End    string `json:"end"` // a code
	Detail string `json:"detail"`
}

// MarshalJSON returns the item as one line of a stream has it.
func (i Item) MarshalJSON() ([]byte, error) { return i.append(nil), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (i *Item) UnmarshalJSON(data []byte) error {
	var l line
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	got, err := l.item()
	if err == nil {
		*i = got
	}
	return err
}

// item returns the item of a line.
func (l *line) item() (Item, error) {
	at, err := ParseCursor(l.Cursor)
	if err != nil {
		return Item{}, err
	}
	if l.Category == "" || l.ID == "" || l.Revision == 0 || l.Name == "" {
		return Item{}, fmt.Errorf("an item without entity, revision or name at %s", l.Cursor)
	}
	data := []byte(l.Data)
	if l.Bytes != nil {
		data = l.Bytes
	}
	return Item{
		Entity: journal.Entity{Category: l.Category, ID: l.ID}, Revision: l.Revision, Name: l.Name, Data: data,
		At: time.UnixMilli(l.At).UTC(), By: l.By, Command: l.Command, Cursor: at,
	}, nil
}

func (i *Item) append(b []byte) []byte {
	b = append(i.Cursor.append(append(b, `{"cursor":"`...)), '"')
	b = appendText(append(b, `,"category":`...), i.Entity.Category)
	b = appendText(append(b, `,"id":`...), i.Entity.ID)
	b = strconv.AppendUint(append(b, `,"rev":`...), i.Revision, 10)
	b = appendText(append(b, `,"name":`...), i.Name)
	switch {
	case len(i.Data) == 0:
	case bytes.IndexByte(i.Data, '\n') < 0 && json.Valid(i.Data):
		b = append(append(b, `,"data":`...), i.Data...)
	default:
		b = append(base64.StdEncoding.AppendEncode(append(b, `,"bytes":"`...), i.Data), '"')
	}
	b = strconv.AppendInt(append(b, `,"at":`...), i.At.UnixMilli(), 10)
	if i.By != "" {
		b = appendText(append(b, `,"by":`...), i.By)
	}
	if i.Command != 0 {
		b = strconv.AppendUint(append(b, `,"cmd":`...), i.Command, 10)
	}
	return append(b, '}')
}

func appendMark(b []byte, at Cursor, behind uint64) []byte {
	b = append(at.append(append(b, `{"mark":"`...)), `","behind":`...)
	return append(strconv.AppendUint(b, behind, 10), "}\n"...)
}

func appendEnd(b []byte, code, detail string) []byte {
	b = appendText(append(b, `{"end":`...), code)
	if detail != "" {
		b = appendText(append(b, `,"detail":`...), detail)
	}
	return append(b, "}\n"...)
}

// appendText appends s as JSON has it.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string can always be encoded
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
