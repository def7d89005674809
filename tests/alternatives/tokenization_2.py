"""Recursion, stacks and neighbours by index; each change of a count made by its cause."""

BODIES = {
    "to_text": """
        text, rest = "", bytes(data)
        while rest:
            try:
                return text + rest.decode("utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                good = rest[: error.start].decode("utf-8", "surrogatepass")
                text += good + chr(0xFFFD)
                rest = rest[error.end :]
        return text
    """,
    "CharTokenizer.encode": """
        def spell(character):
            number = self.numbers.get(character)
            if number is not None:
                return [number]
            halves_of = [divmod(byte, 16) for byte in to_bytes(character)]
            return [halves + half for both in halves_of for half in both]

        return sum(map(spell, text), [])
    """,
    "count_pairs": """
        together = Counter()
        for word, times in zip(words, repeats):
            own = Counter((word[i], word[i + 1]) for i in range(len(word) - 1))
            together.update({pair: count * times for pair, count in own.items()})
        return together
    """,
    "merge_pair": """
        rest, result = list(reversed(tokens)), []
        while rest:
            token = rest.pop()
            if rest and (token, rest[-1]) == tuple(pair):
                rest.pop()
                token = merged
            result.append(token)
        return result
    """,
    "PairIndex.merge": """
        word = merge_pair(old, pair, merged)
        self.words[number] = word
        changes.subtract(count_pairs([old], [times]))
        changes.update(count_pairs([word], [times]))
        for other in count_pairs([word], [1]):
            if other not in self.places:
                self.places[other] = set()
            self.places[other] |= {number}
    """,
    "learn_merges": """
        negative, pair = queue[0]
        count = index.counts.get(pair, 0)
        if count + negative != 0:
            heappop(queue)
            continue
        if count <= 1:
            break
        queue += [(-index.counts[other], other) for other in index.merge(pair, token)]
        heapify(queue)
    """,
    "merge_word": """
        ranked = sorted((merges[p], p) for p in set(zip(tokens, tokens[1:])) if p in merges)
        if not ranked:
            return list(tokens)
        merged, pair = ranked[0]
        return merge_word(merge_pair(tokens, pair, merged), merges)
    """,
    "BPETokenizer.encode": """
        try:
            found = self.cache[word]
        except KeyError:
            found = merge_word([*to_bytes(word)], self.merges)
            if len(self.cache) + 1 > self.most_cached:
                self.cache = {}
            self.cache[word] = found
        tokens.extend(found)
    """,
    "BPETokenizer.decode": """
        data = bytearray()
        for token in tokens:
            data += self.pieces[token]
        return to_text(data)
    """,
}
