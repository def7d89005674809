"""What happens in the stories: a plot is a row of steps, a step one of several ways to say it.

In braces are the people and things of the story, see `stories.py`: {hero}, {friend}, {adult} are
people ({hero.he}, {hero.his}, {hero.him}), {thing.a} is "a red ball". Each plot says what somebody
wants, what comes in between, what is done about it, and how they feel because of it.
"""

from __future__ import annotations

from typing import NamedTuple


class Plot(NamedTuple):
    """A kind of story."""

    id: str
    # the two parts of the cast whose combination may be held out
    key: tuple[str, str]
    steps: tuple[tuple[str, ...], ...]


LOST = Plot("lost", ("thing", "place"), (
    ("One day {hero} went {place.to} with {hero.his} {thing.own}.",
     "{hero} had {thing.a}. One morning {hero.he} took it {place.to}.",
     "It was a sunny day. {hero} took {hero.his} {thing.own} and went {place.to}."),
    ("{hero.He} {game} with {friend}.", "{friend} was there too, and they {game}.",
     "First {hero.he} {game}. Then {friend} came to play."),
    ("When it was time to go home, {thing.the} was gone.",
     "Then {hero} looked around. Where was {thing.the}?",
     "But after the game {hero} could not find {thing.the}."),
    ("{hero} was sad because {hero.he} loved that {thing}.",
     "{hero} began to cry because the {thing} was a gift from {adult}.",
     "{hero} felt very sad. \"I will never see my {thing} again,\" {hero.he} said."),
    ("\"Do not cry,\" said {friend}. \"We will look for it together.\"",
     "{friend} took {hero.his} hand. \"I will help you,\" {friend.he} said.",
     "\"Let us look everywhere,\" said {friend}."),
    ("They looked {spot}, but it was not there.", "They looked {spot}. There was nothing.",
     "{friend} looked {spot} and found only a stone."),
    ("Then they looked {other_spot}, and there was the {thing}!",
     "Then {friend} looked {other_spot}. \"Here it is!\" {friend.he} called.",
     "At last {hero} saw something {thing.look} {other_spot}. It was the {thing}!"),
    ("{hero} was happy because {friend} had helped {hero.him}.",
     "{hero} was so glad that {hero.he} gave {friend} a hug.",
     "\"Thank you,\" said {hero}. {hero.He} was happy again."),
    ("They went home together.", "From then on {hero} took good care of the {thing}.",
     "The next day they both played with the {thing}."),
))  # fmt: skip

SHARED = Plot("shared", ("thing", "friend"), (
    ("{friend} came {place.to} with {thing.a}.", "{friend} had {thing.a}.",
     "One afternoon {friend} played with {thing.a} {place.at}."),
    ("{hero} saw it and wanted it too.", "{hero} had never seen such a nice {thing}.",
     "{hero} wanted to play with it very much."),
    ("So {hero} took the {thing} out of the hands of {friend}.",
     "\"Give it to me!\" said {hero} and pulled at the {thing}.",
     "{hero.He} did not ask. {hero.He} just took it and ran away."),
    ("{friend} was angry because nobody had asked {friend.him}.",
     "{friend} was sad because it was {friend.his} {thing}.",
     "\"Stop! That is mine!\" said {friend} and began to cry."),
    ("{adult} saw it. \"How would you feel?\" {adult.he} asked.",
     "{adult} said, \"{hero}, you must ask first.\"",
     "\"You can have fun together,\" said {adult}, \"but you must share.\""),
    ("{hero} was sorry. {hero.He} gave back the {thing}.",
     "{hero} thought about it and gave the {thing} back. \"I am sorry,\" {hero.he} said.",
     "Then {hero} was sorry because {friend} was sad."),
    ("\"May I play with it, please?\" {hero.he} asked.",
     "This time {hero.he} asked, \"May I have a turn?\"",
     "\"Can we play together?\" asked {hero}."),
    ("\"Yes,\" said {friend}. \"First I play, then you play.\"",
     "{friend} smiled. \"Yes, we can take turns.\"",
     "\"Yes,\" said {friend}, because {hero} had asked so nicely."),
    ("They played until the sun went down, and both were happy.",
     "It was more fun together, and nobody was angry any more.",
     "So they took turns, and soon they were good friends."),
))  # fmt: skip

AFRAID = Plot("afraid", ("hero", "fear"), (
    ("{hero} was afraid of {fear.what}.",
     "There was one thing that {hero} did not like: {fear.what}.",
     "{hero} was brave, but {hero.he} was afraid of {fear.what}."),
    ("{hero.He} thought that {fear.why}.", "{hero.He} was afraid because {fear.why}.",
     "\"I think that {fear.why},\" {hero.he} told {adult}."),
    ("One day, {fear.when}, {hero} ran to {adult}.",
     "{fear.When}, {hero} held {adult} by the hand.",
     "{fear.When}, {hero.he} began to shake."),
    ("\"I am afraid,\" {hero.he} said.", "\"I do not want to be here,\" said {hero}.",
     "\"Please stay with me,\" said {hero}."),
    ("\"Everybody is afraid of something,\" said {adult}. \"Let us look together.\"",
     "{adult} did not laugh. \"I was afraid too when I was little,\" {adult.he} said.",
     "\"Take my hand,\" said {adult}. \"I will stay with you.\""),
    ("{hero} was still afraid, but {adult} was there.", "So {hero} took a deep breath and tried.",
     "{hero} was still afraid, but {hero.he} tried."),
    ("Then {hero.he} saw that {fear.truth}.", "And what did {hero.he} find out? {fear.Truth}.",
     "Soon {hero.he} could see it too: {fear.truth}."),
    ("After that, {hero} was not afraid any more.",
     "{hero} laughed because there was nothing to fear.",
     "Now {hero} felt brave."),
    ("{hero.He} {fear.then}.", "{adult} was proud because {hero} {fear.then}.",
     "That day {hero} {fear.then}, and {adult} was proud of {hero.him}."),
))  # fmt: skip

LEARNED = Plot("learned", ("hero", "skill"), (
    ("{hero} wanted to {skill.to}.", "{friend} could {skill.to}, and {hero} wanted to do it too.",
     "More than anything, {hero} wanted to learn to {skill.to}."),
    ("On the first day {hero.he} {skill.fails}.", "{hero.He} tried, but {hero.he} {skill.fails}.",
     "It looked easy. But {hero} {skill.fails}."),
    ("{hero} was angry because it was so hard.", "\"I will never learn it!\" {hero.he} said.",
     "{hero} felt sad and wanted to give up."),
    ("\"{skill.advice},\" said {adult}.",
     "{adult} knew how to do it. \"{skill.advice},\" {adult.he} said.",
     "{adult} sat down with {hero.him}. \"{skill.advice}.\""),
    ("{hero} tried again, and it was a little better.",
     "So {hero} tried it that way. It was better, but not good.",
     "The next day {hero.he} tried again. It was still hard."),
    ("{hero.He} tried every day for a week.", "Every day after school {hero.he} tried once more.",
     "{hero.He} did not stop. {hero.He} tried in the morning and in the evening."),
    ("Then, one day, {hero.he} {skill.works}!", "At last {hero} {skill.works}!",
     "And on Sunday {hero} {skill.works}!"),
    ("{hero} was proud because {hero.he} had not given up.", "\"I can do it!\" {hero.he} shouted.",
     "{adult} clapped, and {hero} was very proud."),
    ("Now {hero.he} could teach somebody else.", "Soon {hero.he} could do it with closed eyes.",
     "That night {hero.he} fell asleep with a smile."),
))  # fmt: skip

MADE = Plot("made", ("hero", "making"), (
    ("{hero} wanted to make {making.what}.",
     "\"Today I will make {making.what},\" said {hero}.",
     "{hero} had nothing to do. \"I will make {making.what},\" {hero.he} said."),
    ("For that {hero.he} needed {making.first} and {making.second}.",
     "First {hero.he} needed {making.first}. Then {hero.he} needed {making.second}."),
    ("{adult} gave {hero.him} {making.first}.", "{hero.He} got {making.first} from {adult}.",
     "{hero} asked {adult} for {making.first}, and {adult.he} said yes."),
    ("But {hero} had no idea where to find {making.second}.",
     "But there was one thing missing: {making.second}.",
     "But {adult} did not have {making.second}."),
    ("{hero} was sad because without it there would be no fun.",
     "\"Now I cannot go on,\" said {hero}.", "{hero} wanted to give up."),
    ("Then {friend} came with {making.second}. \"Can I help?\" {friend.he} asked.",
     "\"I have {making.second}!\" said {friend}. \"We can make it together.\"",
     "{friend} ran home and came back with {making.second}."),
    ("They worked all morning and {making.how}.", "Together they {making.how}.",
     "{hero} and {friend} {making.how}."),
    ("It {making.use}.", "It was done! It {making.use}.", "When it was done, it {making.use}."),
    ("Both were happy because they had made it together.",
     "{hero} was glad because {friend} had shared with {hero.him}.",
     "\"Thank you,\" said {hero}. \"I could not do it without you.\""),
))  # fmt: skip

HELPED = Plot("helped", ("hero", "trouble"), (
    ("{hero} walked {trouble.to}.", "One morning {hero} went {trouble.to}.",
     "On {hero.his} way {trouble.to}, {hero} stopped."),
    ("There {hero.he} saw {trouble.who}. {trouble.The} {trouble.wrong}.",
     "There was {trouble.who}. {trouble.The} {trouble.wrong}."),
    ("{hero} saw the problem at once: {trouble.it} {trouble.so}.",
     "{trouble.The} looked sad because {trouble.it} {trouble.so}."),
    ("{hero} wanted to help, but {hero.he} could not do it alone.",
     "\"I must help,\" thought {hero}. But it was too hard for one child.",
     "{hero} felt sorry and wanted to help."),
    ("So {hero.he} called {adult}.", "So {hero.he} ran to get {adult}.",
     "{hero.He} asked {adult} what to do."),
    ("Together they {trouble.help}.", "{adult} came at once, and they {trouble.help}.",
     "They did it together: they {trouble.help}."),
    ("{trouble.The} {trouble.thanks}.", "And then? {trouble.The} {trouble.thanks}!"),
    ("{hero} was happy because {hero.he} had helped.",
     "{hero} felt warm inside because it is good to help.",
     "\"Well done,\" said {adult}, and {hero} was proud."),
    ("{hero.He} told {friend} all about it.", "All the way home {hero.he} sang.",
     "That night {hero} dreamed of it."),
))  # fmt: skip

SPOILED = Plot("spoiled", ("friend", "mishap"), (
    ("{friend} had a nice {mishap.noun}.", "{friend} was proud of {friend.his} {mishap.noun}.",
     "{friend} showed {hero} {friend.his} {mishap.noun}."),
    ("\"Please be careful with it,\" {friend.he} said.", "\"Do not touch it,\" said {friend}."),
    ("But {hero} {mishap.doing}.", "{hero} forgot about that and {mishap.doing}.",
     "But when {friend} looked away, {hero} {mishap.doing}."),
    ("{mishap.happens}.", "Oh no! {mishap.happens}."),
    ("{hero} wanted to hide because {friend} would be angry.",
     "{hero} was afraid to tell {friend}.", "\"What can I do now?\" thought {hero}."),
    ("But {hero.he} told the truth. \"It was me,\" {hero.he} said. \"I am sorry.\"",
     "{hero} went to {friend} and said, \"I am so sorry. It was me.\""),
    ("{friend} was sad, but {friend.he} was not angry because {hero} had told the truth.",
     "{friend} was angry at first. Then {friend.he} saw how sorry {hero} was.",
     "{friend} cried a little. Then {friend.he} said, \"Thank you for telling me.\""),
    ("They {mishap.mend}.", "\"I will help you,\" said {hero}. They {mishap.mend}."),
    ("Now the {mishap.noun} was good again, and they were still friends.",
     "{hero} felt better because it is good to tell the truth.",
     "After that, {hero} was always careful with the things of others."),
))  # fmt: skip

RAINED = Plot("rained", ("plan", "indoors"), (
    ("{hero} and {friend} wanted to {plan.to}.",
     "\"Today we will {plan.to}!\" said {hero} to {friend}.",
     "All week {hero} had waited to {plan.to} with {friend}."),
    ("But {plan.weather}.", "But when they came outside, {plan.weather}."),
    ("{plan.so}.", "{plan.so}, and that was that."),
    ("{hero} was angry. \"This is a bad day,\" {hero.he} said.",
     "{hero} was sad because {hero.he} had waited so long.",
     "\"Now the day is spoiled,\" said {hero}."),
    ("But {friend} had an idea. \"We could {indoors},\" {friend.he} said.",
     "{adult} had an idea. \"You could {indoors},\" {adult.he} said.",
     "\"Let us {indoors} then,\" said {friend}."),
    ("{hero} did not want to at first, but then {hero.he} tried.", "\"Good idea!\" said {hero}.",
     "\"Well, we can try,\" said {hero}."),
    ("{fun}.", "It was fun. {fun}."),
    ("{hero} laughed so much that {hero.he} forgot about the weather.",
     "Soon nobody was sad any more.", "The day went by, and nobody looked out of the window."),
    ("\"This was a good day after all,\" said {hero}.",
     "In the evening {hero} was happy because {friend} had stayed with {hero.him}.",
     "\"Next time I hope for bad weather,\" said {hero}, and they laughed."),
))  # fmt: skip

ALONE = Plot("alone", ("friend", "place"), (
    ("{friend} was new and knew nobody.", "There was a new child {place.at}. It was {friend}.",
     "{friend} had just moved to a new house."),
    ("{friend.He} sat alone {place.at} and looked at {friend.his} shoes.",
     "While the others {game}, {friend} sat alone {place.at}."),
    ("{friend.He} was sad because {friend.his} old friends were far away.",
     "{friend.He} wanted to play but did not dare to ask.",
     "{friend.He} felt alone because nobody talked to {friend.him}."),
    ("{hero} saw {friend.him} and thought, \"I know how that feels.\"",
     "{hero} saw that {friend} was sad.", "Then {hero} came by with {thing.a}."),
    ("\"Hello, I am {hero},\" {hero.he} said. \"Do you want to play?\"",
     "{hero} sat down with {friend.him}. \"Will you play with us?\" {hero.he} asked."),
    ("\"Yes!\" said {friend}.", "{friend} smiled for the first time that day."),
    ("Together they {game}.", "They {game} until {adult} called them."),
    ("{friend} was happy because {friend.he} had found a friend.",
     "Now {friend} was not alone any more."),
    ("The next day they sat side by side.",
     "\"Will you come again?\" asked {friend}. \"Yes,\" said {hero}.",
     "And {hero} was happy too, because {hero.he} had a new friend."),
))  # fmt: skip

GAVE = Plot("gave", ("friend", "gift"), (
    ("It was the birthday of {friend}.",
     "{friend} had been sick, but now {friend.he} was well again.",
     "Soon it would be the birthday of {friend}."),
    ("{hero} wanted to give {friend.him} something nice.",
     "\"What can I give {friend.him}?\" thought {hero}."),
    ("First {hero.he} thought of {thing.a}, but {friend} had one.",
     "{hero} looked at {hero.his} own {thing}. But {friend} would not care for it."),
    ("Then {hero} remembered that {friend} loved {loves}.",
     "\"What does {friend} love?\" asked {adult}. {hero} knew it: {friend} loved {loves}."),
    ("So {hero.he} got {gift} for {friend.him}.",
     "So {hero} and {adult} went to a shop and found {gift}.",
     "{hero} gave all {hero.his} coins for {gift}."),
    ("{friend} opened the box and shouted, \"Just what I wanted!\"",
     "When {friend} saw it, {friend.his} eyes grew big.", "\"For me?\" asked {friend}."),
    ("{friend.He} {enjoys}.", "{friend} {enjoys}, and everybody was happy."),
    ("{friend} was happy because {hero} had thought about what {friend.he} loved.",
     "{hero} was glad because the gift was right.",
     "\"To give is even better than to get,\" thought {hero}."),
))  # fmt: skip

AWAKE = Plot("awake", ("hero", "noise"), (
    ("It was night, and {hero} lay in bed.", "{hero} could not sleep.",
     "The moon was up, and {hero} was in bed."),
    ("Then {hero.he} heard {noise}.", "Suddenly there was {noise}."),
    ("\"What is that?\" {hero.he} thought. {hero.His} heart beat fast.",
     "{hero} was afraid and hid under the blanket.",
     "{hero.He} held {hero.his} pillow very close."),
    ("It came again and again.", "There it was again!"),
    ("{hero} called {adult}.", "\"{adult}!\" called {hero}. \"There is something in the house!\""),
    ("{adult} came with a lamp, and they went to look.",
     "{adult} sat down on the bed. \"Let us go and see,\" {adult.he} said."),
    ("It was only {source}.", "And what was it? It was {source}!"),
    ("{hero} had to laugh because {hero.he} had been afraid of that.",
     "\"So that was it!\" said {hero}. {hero.He} was not afraid any more."),
    ("Soon {hero.he} was asleep.",
     "{adult} gave {hero.him} a kiss, and {hero} slept until morning.",
     "{hero} closed {hero.his} eyes and had a good dream."),
))  # fmt: skip

GREW = Plot("grew", ("adult", "seed"), (
    ("{adult} gave {hero} {seed.seed}.", "One day in spring {hero} found {seed.seed} in a drawer.",
     "\"Look what I have for you,\" said {adult}. It was {seed.seed}."),
    ("{hero} put it into the ground and gave it water.",
     "{hero} and {adult} put it into the garden."),
    ("The next morning {hero} ran out to look. There was nothing.",
     "{hero} looked at it every hour, but nothing came."),
    ("\"It does not work,\" {hero.he} said. {hero.He} was sad.",
     "{hero} was angry because {hero.he} did not like to wait.",
     "{hero} wanted to dig it up again."),
    ("\"You must wait,\" said {adult}. \"It needs water, sun and time.\"",
     "\"Good things take time,\" said {adult}."),
    ("So {hero} gave it water every day.", "{hero} waited one week, and then one more.",
     "Each morning {hero} gave it water and told it a story."),
    ("One day there was something green!", "After the rain {hero} saw a small green leaf."),
    ("It became {seed.grows}.", "All summer it grew and grew. It became {seed.grows}."),
    ("In the fall {hero} got {seed.gives} from it.", "At last it gave {hero.him} {seed.gives}."),
    ("{hero} and {friend} {seed.use}.",
     "{hero} was proud because {hero.he} had waited. {hero.He} {seed.use}."),
))  # fmt: skip

PLOTS = (
    *(LOST, SHARED, AFRAID, LEARNED, MADE, HELPED),
    *(SPOILED, RAINED, ALONE, GAVE, AWAKE, GREW),
)
