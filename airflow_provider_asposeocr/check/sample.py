"""The image that is submitted: one line of text, 446 x 80 pixels in black and white."""

from __future__ import annotations

import base64

WORDS = ("wooden", "chairs", "hamburg")
"""Words on the image, in lower case."""

IMAGE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAb4AAABQAQAAAABOzy0CAAACTElEQVR42u2XMW/TQBTHf+dY9g2G3JihNEZ8gYyAImqY+BhB"
    "7IhKDBUS4hAS6sZXiMQHwaoq0bHfoJdS0Wx1Kg92ZPsY7KQEmg6eGHzTs+797v3fu3ens7C0GqVDy9GBHdiBHdiB/yM4Xxmn"
    "ACFAvuEdbYA5h6W+c/WTepFbIha6jVR3C2UA/Dtz1G2Ls9O6qnkr0IkVpcJlhpXLIyiVVdYlfPJBkpczAGbRXM7Io3lp9/On"
    "TUQLaVqWTPWy4LsmTat0WUGWFoCJAKbGFlOdnQLJ3ABYWz3bXxiR8RE/ERl71vRikWGHTHo2KxjaH3ao+0awh39ZVMTC2qLO"
    "8VqccRD3WVwxhp+JMCLT+J8zYBdywfCAqzG+Bvq9uJYqjOR8kH2xSv8KOILjwFOeBwPXBV4BMJn05AvkGBgdj5ocK3AREEag"
    "BUiQdUOxscufjAqhmXSoq+NqYSB3V07WieFe8+FbZju3ds5F3fshCOo1l0Ao1TrgFBcIFRAp2YBv3S2b7L/b3gDuOhWIX/p2"
    "2dhZ9Rx4s/b7agBM4gJJ5q1aTlNou3HmxF8B1Moo/shRcFJgwcSFBcioS/3vIUtMsZp3gMcOu3P5XiR6dwkwTsEWwEWy5pIY"
    "IDuu5jA+vblz7EMOowV9CfBANZtV3qhfaIBc2xDKqCkOoBwXLS6lWOUjnc2rTH8DGJ2pAMJBAzqoIOj1mPieBxAE4AXATrAG"
    "J68B5ChQMBgAos0L+fp+yxdy0vImT85bSp09KlpKdVtKVa2r2v13dGAHdmAHbh2/AU5Sz7o0f/SdAAAAAElFTkSuQmCC"
)
"""A PNG."""
