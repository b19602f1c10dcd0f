// Written by TestValues.
import type { Everything } from "./types.ts";

export const zero: Everything = {
  "Plain": "",
  "named": 0,
  "not an identifier": 0,
  "BadTag": 0,
  "never": {
    "A": 0
  },
  "text": "0",
  "textMay": null,
  "Truth": false,
  "Ratio": 0,
  "Pointer": null,
  "Pointers": null,
  "Lines": null,
  "Grid": null,
  "Pair": [
    false,
    false
  ],
  "Bytes": null,
  "Digest": [
    0,
    0,
    0,
    0
  ],
  "ByName": null,
  "ByNumber": null,
  "ByAddr": null,
  "At": "0001-01-01T00:00:00Z",
  "Left": null,
  "Wait": 0,
  "Raw": null,
  "Any": null,
  "Addr": "",
  "AddrMay": null,
  "Number": 0,
  "Own": 1,
  "OwnMay": null,
  "Path": "1/2",
  "Paths": null,
  "Shy": {},
  "ShyMay": null,
  "Next": null,
  "Tree": null,
  "Index": null,
  "Page": {
    "Items": null,
    "Next": null
  },
  "Pages": {
    "Items": null,
    "Next": null
  },
  "Other": {
    "At": 0
  },
  "Far": null,
  "Cat": {
    "N": 0
  },
  "FromEmbedded": 0,
  "FromDeeper": 0,
  "Übung": 0,
  "Nested": {
    "A": 0,
    "B": null
  }
};

export const full: Everything = {
  "Plain": "",
  "named": 0,
  "not an identifier": 0,
  "BadTag": 0,
  "maybe": 1,
  "never": {
    "A": 0
  },
  "zero": "1970-01-01T00:00:01Z",
  "text": "0",
  "textMay": "1152921504606846976",
  "Truth": false,
  "Ratio": 0,
  "Pointer": 1,
  "Pointers": [
    null,
    1
  ],
  "Lines": [
    "a"
  ],
  "some": [
    "b"
  ],
  "Grid": [
    null,
    [
      1
    ]
  ],
  "Pair": [
    false,
    false
  ],
  "Bytes": "Ynl0ZXM=",
  "Digest": [
    0,
    0,
    0,
    0
  ],
  "ByName": {
    "a": {
      "Text": "b"
    }
  },
  "ByNumber": {
    "1": null,
    "2": [
      2
    ]
  },
  "ByAddr": {
    "::1": true
  },
  "At": "0001-01-01T00:00:00Z",
  "Left": "1970-01-01T00:00:01Z",
  "Wait": 0,
  "Raw": [
    {}
  ],
  "Any": {
    "a": null
  },
  "Addr": "",
  "AddrMay": "",
  "Number": 1e3,
  "Own": 1,
  "OwnMay": 1,
  "Path": "1/2",
  "Paths": [
    "1/2",
    "1/2"
  ],
  "Shy": {},
  "ShyMay": "shy",
  "Next": {
    "Plain": "",
    "named": 0,
    "not an identifier": 0,
    "BadTag": 0,
    "never": {
      "A": 0
    },
    "text": "0",
    "textMay": null,
    "Truth": false,
    "Ratio": 0,
    "Pointer": null,
    "Pointers": null,
    "Lines": null,
    "Grid": null,
    "Pair": [
      false,
      false
    ],
    "Bytes": null,
    "Digest": [
      0,
      0,
      0,
      0
    ],
    "ByName": null,
    "ByNumber": null,
    "ByAddr": null,
    "At": "0001-01-01T00:00:00Z",
    "Left": null,
    "Wait": 0,
    "Raw": null,
    "Any": null,
    "Addr": "",
    "AddrMay": null,
    "Number": 0,
    "Own": 1,
    "OwnMay": null,
    "Path": "1/2",
    "Paths": null,
    "Shy": "",
    "ShyMay": null,
    "Next": null,
    "Tree": null,
    "Index": null,
    "Page": {
      "Items": null,
      "Next": null
    },
    "Pages": {
      "Items": null,
      "Next": null
    },
    "Other": {
      "At": 0
    },
    "Far": null,
    "Cat": {
      "N": 0
    },
    "FromEmbedded": 0,
    "FromDeeper": 0,
    "Übung": 0,
    "Nested": {
      "A": 0,
      "B": null
    }
  },
  "Tree": [
    null,
    [
      null,
      []
    ]
  ],
  "Index": {
    "a": {
      "b": null
    }
  },
  "Page": {
    "Items": null,
    "Next": {
      "Items": null,
      "Next": null
    }
  },
  "Pages": {
    "Items": [
      null,
      {
        "a": 1
      }
    ],
    "Next": null
  },
  "Other": {
    "At": 0
  },
  "Far": [
    {
      "M": 0
    }
  ],
  "Cat": {
    "N": 0
  },
  "FromEmbedded": 0,
  "FromBehind": 0,
  "ByTag": 0,
  "FromDeeper": 0,
  "Übung": 0,
  "Nested": {
    "A": 0,
    "B": {
      "C": null
    }
  }
};
