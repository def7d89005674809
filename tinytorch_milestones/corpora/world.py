"""Who and what the stories are about: people, places, things, and how they go together.

Everything a story says follows from these tables and from `plots.py`, so the vocabulary is closed.
"""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """Somebody, with the words that stand for them."""

    name: str
    he: str
    him: str
    his: str

    @property
    def He(self) -> str:
        return self.he.capitalize()

    @property
    def His(self) -> str:
        return self.his.capitalize()

    def __str__(self) -> str:
        return self.name


class Thing(NamedTuple):
    """A thing with a color or a size: {thing} is the noun, {thing.a} and {thing.the} say more."""

    look: str
    noun: str

    @property
    def a(self) -> str:
        return f"{'an' if self.look[0] in 'aeiou' else 'a'} {self.look} {self.noun}"

    @property
    def the(self) -> str:
        return f"the {self.look} {self.noun}"

    @property
    def own(self) -> str:
        """After "his" or "her"."""
        return f"{self.look} {self.noun}"

    def __str__(self) -> str:
        return self.noun


class Place(NamedTuple):
    """A place, what may hide something there, and what children do there."""

    to: str  # after "went"
    at: str  # after "was" or "played"
    spots: tuple[str, ...]
    games: tuple[str, ...]


class Fear(NamedTuple):
    """Something to be afraid of, why, and what turns out to be true."""

    what: str
    when: str
    why: str
    truth: str
    then: str

    @property
    def When(self) -> str:
        return self.when.capitalize()

    @property
    def Truth(self) -> str:
        return self.truth.capitalize()


class Skill(NamedTuple):
    """Something to learn: how it fails first, what helps, how it goes at last."""

    to: str
    fails: str
    advice: str
    works: str


class Making(NamedTuple):
    """Something to make from two parts, and what it is good for."""

    what: str
    first: str
    second: str
    how: str
    use: str


class Trouble(NamedTuple):
    """Somebody in need: where, what is wrong, what helps and how they show that it did."""

    to: str
    who: str
    wrong: str
    so: str
    help: str
    thanks: str

    @property
    def it(self) -> str:
        return {"man": "he", "woman": "she"}.get(self.who.split()[-1], "it")

    @property
    def The(self) -> str:
        """The same again, now known: "The small bird"."""
        return "The " + self.who.partition(" ")[2]


class Mishap(NamedTuple):
    """How something of a friend's was spoiled, and how that is put right."""

    noun: str
    doing: str
    happens: str
    mend: str


class Plan(NamedTuple):
    """Something that bad weather spoils, and the weather."""

    to: str
    weather: str
    so: str


class Seed(NamedTuple):
    """What grows from a seed."""

    seed: str
    grows: str
    gives: str
    use: str


_GIRLS = "Anna Mia Lily Rosa Nora Ella Ruby Zoe Ida Clara Emma Lucy"
_BOYS = "Tom Ben Max Leo Sam Finn Oscar Paul Noah Jack Theo Hugo"

CHILDREN = tuple(Person(name, "she", "her", "her") for name in _GIRLS.split()) + tuple(
    Person(name, "he", "him", "his") for name in _BOYS.split()
)
GROWN_UPS = (
    Person("Mom", "she", "her", "her"),
    Person("Dad", "he", "him", "his"),
    Person("Grandma", "she", "her", "her"),
    Person("Grandpa", "he", "him", "his"),
)

LOOKS = ("red", "blue", "green", "yellow", "little", "old", "new", "orange")
TOYS = (
    "ball",
    "kite",
    "doll",
    "drum",
    "toy boat",
    "toy train",
    "hat",
    "whistle",
    "book",
    "toy bear",
)

PLACES = (
    Place(
        "to the park",
        "in the park",
        ("under the bench", "behind the big tree", "in the tall grass"),
        ("played tag", "ran up the hill", "went down the slide"),
    ),
    Place(
        "to the beach",
        "at the beach",
        ("under a towel", "behind a rock", "in the warm sand"),
        ("dug a deep hole", "jumped over the waves", "looked for shells"),
    ),
    Place(
        "to the farm",
        "on the farm",
        ("under the cart", "behind the barn", "in the hay"),
        ("fed the hens", "ran after the geese", "sat on the fence"),
    ),
    Place(
        "into the forest",
        "in the forest",
        ("under a fern", "behind a log", "in a pile of leaves"),
        ("looked for berries", "climbed a log", "played hide and seek"),
    ),
    Place(
        "into the garden",
        "in the garden",
        ("under the roses", "behind the shed", "in the flower bed"),
        ("played with the dog", "picked apples", "ran around the pond"),
    ),
    Place(
        "to the lake",
        "at the lake",
        ("under the boat", "behind a bush", "in the wet reeds"),
        ("threw stones into the water", "fed the ducks", "sailed paper boats"),
    ),
    Place(
        "to the school yard",
        "in the school yard",
        ("under the steps", "behind the wall", "in the sand box"),
        ("jumped rope", "played tag", "drew with chalk"),
    ),
)

FEARS = (
    Fear(
        "the dark",
        "when the light went out",
        "there might be a monster under the bed",
        "there was only a sock under the bed",
        "slept all night without a light",
    ),
    Fear(
        "thunder",
        "when a storm came at night",
        "the loud noise might break the house",
        "thunder is only a noise and cannot hurt a house",
        "counted each boom and laughed",
    ),
    Fear(
        "the big dog next door",
        "when the big dog barked",
        "the big dog might bite",
        "the big dog barked because it wanted to play",
        "threw a stick for the big dog",
    ),
    Fear(
        "deep water",
        "when the others swam in the lake",
        "the water might be too cold and too deep",
        "the water was warm and only as high as a knee",
        "splashed in the lake until lunch",
    ),
    Fear(
        "the first day of school",
        "when the school bell rang",
        "nobody there might want to play",
        "all the other children were new too",
        "made a friend before lunch",
    ),
    Fear(
        "the high slide",
        "when it was time to slide down",
        "the slide might be too fast",
        "the slide was fast and fun, like flying",
        "went down the slide ten times",
    ),
)

SKILLS = (
    Skill(
        "ride a bike",
        "fell into the grass",
        "Look ahead and not at your feet",
        "rode all the way down the street",
    ),
    Skill(
        "swim",
        "swallowed water and had to cough",
        "Kick slowly and breathe out",
        "swam from one side of the pool to the other",
    ),
    Skill(
        "whistle",
        "made no sound at all",
        "Make your lips small and blow softly",
        "whistled a happy song",
    ),
    Skill(
        "tie a bow",
        "made a big knot",
        "Make two ears like a rabbit and cross them",
        "tied both shoes in a minute",
    ),
    Skill(
        "climb the apple tree",
        "slipped down and hurt a knee",
        "Hold on with both hands before you move a foot",
        "sat high in the tree and ate an apple",
    ),
    Skill(
        "skate",
        "sat down hard on the ice",
        "Bend your knees and take small steps",
        "skated around the lake without falling",
    ),
    Skill(
        "bake bread",
        "took a hard black loaf out of the oven",
        "Use less fire and more time",
        "took a soft brown loaf out of the oven",
    ),
)

MAKINGS = (
    Making("a kite", "some paper", "a long string", "tied the string to the paper",
           "flew high above the houses"),
    Making("an apple cake", "five apples", "a bag of flour", "put everything into the oven",
           "smelled sweet and was soon all gone"),
    Making("a bird house", "some wood", "a box of nails", "nailed the wood together",
           "became the home of two small birds"),
    Making("a little boat", "a piece of wood", "a white cloth", "made a sail from the cloth",
           "sailed across the pond"),
    Making("a snowman", "two long sticks", "a carrot", "gave the snowman two arms and a long nose",
           "stood by the door until spring"),
    Making("a pot of soup", "some carrots", "a big pot", "cooked the carrots in the pot",
           "was hot and good on a cold day"),
    Making("a tent", "two chairs", "a big blanket", "put the blanket over the chairs",
           "was the best place to read a book"),
)  # fmt: skip

TROUBLES = (
    Trouble("into the garden", "a small bird", "had fallen out of its nest", "could not fly",
            "put it back into the nest", "sang a song"),
    Trouble("to the park", "a gray cat", "sat high up in a tree", "did not dare to come down",
            "put a ladder under the tree", "purred and purred"),
    Trouble("into the forest", "a little duck", "had lost its mother", "did not know where to go",
            "took it back to the pond", "flapped its wings"),
    Trouble("to school", "an old man", "had a heavy bag", "had to stop at each step",
            "carried the bag up the hill", "smiled and gave away a sweet pear"),
    Trouble("to the beach", "a brown dog", "had a thorn in its paw", "could not walk",
            "pulled out the thorn", "jumped up and down"),
    Trouble("to the farm", "a white lamb", "was stuck in the fence", "could not get out",
            "pushed the fence apart", "ran back to its mother"),
    Trouble("to the shop", "an old woman", "had dropped all her apples", "could not bend down",
            "picked up the apples", "smiled and gave away the biggest apple"),
)  # fmt: skip

MISHAPS = (
    Mishap("cup", "ran through the kitchen", "The cup fell and broke into two pieces",
           "glued the pieces together"),
    Mishap("picture", "played with a wet brush", "A big drop of paint fell on the picture",
           "painted a new picture together"),
    Mishap("tower", "threw a ball in the house", "The ball hit the tower and it fell down",
           "built a higher tower together"),
    Mishap("book", "drank milk at the table", "The milk ran over the book",
           "dried each page in the sun"),
    Mishap("sand castle", "ran across the sand", "One foot came down on the sand castle",
           "built a bigger sand castle together"),
    Mishap("kite", "played too close to a bush", "The kite got a long tear",
           "closed the tear with a piece of cloth"),
)  # fmt: skip

PLANS = (
    Plan("fly a kite", "there was no wind at all", "The kite would not leave the ground"),
    Plan("eat lunch by the lake", "it began to rain", "The grass was wet and so was the bread"),
    Plan("swim in the lake", "a storm came up", "Nobody may swim in a storm"),
    Plan("play outside", "it rained all morning", "The path was full of mud"),
    Plan("build a snowman", "the snow turned into rain", "The snow was soon gone"),
    Plan("look at the stars", "the sky was full of clouds", "There was not one star to see"),
)
INDOORS = (
    ("build a castle from boxes", "The castle had four towers"),
    ("bake cookies", "The whole house smelled of cookies"),
    ("read a book about a dragon", "The dragon had lost his fire"),
    ("make hats from paper", "The biggest hat was for the dog"),
    ("play music on pots", "It was very loud and very funny"),
    ("paint with all the colors", "The best picture was put on the wall"),
)

SEEDS = (
    Seed("a bean", "a long green plant", "ten fat beans", "made soup from them"),
    Seed("a sunflower seed", "a flower as tall as a door", "a hundred new seeds",
         "gave them to the birds"),
    Seed("a pumpkin seed", "a plant as wide as the shed", "one huge pumpkin",
         "made a lamp out of it"),
    Seed("a pea", "a plant that climbed up the wall", "a bowl of sweet peas",
         "ate them all in the sun"),
    Seed("a berry seed", "a round bush", "a basket of red berries", "put them on a cake"),
)  # fmt: skip

GIFTS = (
    ("music", "a small flute", "played a song on it at once"),
    ("the stars", "a picture of the moon", "put it on the wall over the bed"),
    ("birds", "a bird house", "put it up in the garden and waited for the first bird"),
    ("drawing", "a box of chalk", "drew a big sun with it"),
    ("the sea", "a box of shells", "held the biggest shell to one ear"),
    ("cooking", "a small pan", "made eggs for everybody in it"),
)

NOISES = (
    ("a tap, tap, tap at the window", "a branch that moved in the wind"),
    ("a long, low hoot", "an owl that sat on the roof"),
    ("a scratch at the door", "the cat, who wanted to come in"),
    ("a drip, drip, drip", "the rain that fell into a pot"),
    ("a loud creak on the steps", "the dog, who was on his way to the kitchen"),
)
