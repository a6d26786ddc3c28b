/**
 * Topics of the message bus. A topic is words joined by dots, `orders.created`. A filter is a topic in which any word but
 * the first may be `*`: inside it stands for exactly one word, at the end for one or more.
 */

const WORD = "[a-z0-9_-]+";

export const TOPIC_PATTERN = new RegExp(`^${WORD}(\\.${WORD})*$`);
export const TOPIC_FILTER_PATTERN = new RegExp(`^${WORD}(\\.(${WORD}|\\*))*$`);
/** Characters of a topic or a filter. */
export const TOPIC_LENGTH = 128;

/**
 * @param filter  as in the manifest, `orders.*` or `orders.*.created`
 * @param topic   as published, `orders.eu.created`
 */
export function topicMatches(filter: string, topic: string): boolean {
  const [expected, words] = [filter.split("."), topic.split(".")];
  const open = expected.length > 1 && expected.at(-1) === "*";
  if (open ? words.length < expected.length : words.length !== expected.length) return false;
  return expected.every((word, index) => word === "*" || word === words[index]);
}
