"Calls of captions, lists and parts of selfrefine.data that must be refused: (call, error, words)."
import torch
from PIL import Image
from selfrefine.data.caption_lists import caption_rows, decode_text, parse_rows
from selfrefine.data.captions import combination, plain_caption, repeat_rare_designs, split_by_caption
from selfrefine.data.image_files import Files
from selfrefine.data.image_lists import attach_lists
from selfrefine.data.images import Images
from selfrefine.data.part_names import file_parts

lists = {
    'empty.csv': b'', 'header.csv': b'file,split\n', 'columns.csv': b'name,text\n1.png,one\n',
    'latin.csv': b'file,text\n1.png,caf\xe9\n', 'null.csv': b'file,text\n1.png,\0\n',
    'binary.json': b'\x89PNG\r\n\x1a\n',
    'twice.csv': b'file,split,split\n1.png,a,b\n', 'splits.csv': b'file,a_split,b_split\n1.png,train,test\n',
    'comma.csv': b'file,text\n1.png,red, big\n', 'quote.csv': b'file,text\n1.png,"red\n',
    'short.csv': b'file,split,text\n1.png,train\n', 'huge.csv': b'file,text\n1,' + b'a'*200_000,
    'space.csv': b'file name text\n1.png train one\n', 'number.json': b'3', 'string.json': b'"one"',
    'null.json': b'null', 'deep.json': b'['*100_000, 'cut.json': b'[{"file": "1.png", "capt',
    'lists.json': b'[["1.png", "one"]]', 'ints.json': b'[1, 2]', 'none.json': b'[{"file": "1.png", "caption": null}]',
    'object.json': b'{"1.png": "one"}',
    'text.json': b'[{"file": "1.png", "caption": 7}]', 'file.json': b'[{"file": 1, "caption": "one"}]',
    'bare.json': b'[{"caption": "one"}]', 'coco.json': b'{"images": [{}], "annotations": [{"image_id": 1}]}',
    'lines.jsonl': b'{"file_name": "1.png", "text": "one"}\n{"file', 'list.txt': b'one',
    'is_test.csv': b'file,text,is_test\n1.png,one,0\n2.png,two,1\n',
    'hidden.json': b'[{"file": "1.png", "text": "one", "belongs to": "Test"}]',
    'two.json': b'[{"file": "1.png", "Part": "test", "subset": "train"}]',
    'label.jsonl': b'{"file_name": "1.png", "label": 3}'}
not_text = 'latin.csv', 'null.csv', 'binary.json'
refused = [f'{n} is not UTF-8 text' if n in not_text else f'{n} is no list of captions or parts' for n in lists]

def inside(folder, name, texts, pictures=('1.png', '2.png')):
    "A folder of pictures with lists inside or beside it."
    for file in pictures:
        (folder/name/file).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (2, 2)).save(folder/name/file)
    for file, text in texts.items(): (folder/name/file).write_bytes(text)
    return Files(folder/name)

def names(folder):
    "What the calls may use; `folder` is an empty folder of their own."
    for name, data in lists.items(): (folder/name).write_bytes(data)
    images, one = Images(torch.zeros(2, 3, 4, 4, dtype=torch.uint8)), b'{"file_name": "1.png", "text": "one"}'
    sets = dict(
        gaps=inside(folder, 'gaps', {'metadata.jsonl': one}), text=inside(folder, 'text', {'1.txt': b'one'}),
        latin=inside(folder, 'latin', {'1.txt': b'caf\xe9', '2.txt': b''}),
        cut=inside(folder, 'cut', {'captions.json': b'['}),
        other=inside(folder, 'other', {'metadata.csv': b'file_name,text\n8.png,eight\n'}),
        half=inside(folder, 'half', {'metadata.csv': b'file_name,text\n1.png,one\n2.png,two\n', '../half_captions.json':
                                    b'[{"file": "1.png", "caption": ""}, {"file": "2.png", "split": "test"}]'}),
        bare=inside(folder, 'bare', {'metadata.csv': b'file_name,text\n1.png,one\n'}, ('a/1.png', 'b/1.png')),
        contrary=inside(folder, 'contrary', {'metadata.csv': b'file_name,split\n1.png,train\n2.png,test\n',
                                            '../contrary_labels.csv': b'file,split\n1.png,train\n2.png,train\n'}),
        both=inside(folder, 'both', {'metadata.csv': b'file_name,split\n1.png,train\n1.png,test\n2.png,test\n'}))
    return globals() | sets | dict(
        folder=folder, images=images, captioned=Images(images.x, captions=['green book', 'rocket']),
        odd=Images(images.x, captions=['green book', None]))

def parts_by(words): return f"file_parts(list('abc'), dict(zip('abc', {words})))"
known = 'a part is called train, val or test'

rows = [
    *[(f"caption_rows(folder/{name!r})", ValueError, [words]) for name, words in zip(lists, refused)],
    ("caption_rows(folder/'missing.json')", FileNotFoundError, ['no list of captions at', 'missing.json']),
    ("caption_rows(folder)", FileNotFoundError, ['give the path of a file']),
    ("caption_rows(None)", ValueError, ['named by its path, not by None']),
    ("parse_rows(None, 'a.csv')", ValueError, ['a.csv', 'bytes']),
    ("decode_text('one', 'a.txt')", ValueError, ['a.txt', 'bytes']),
    ("decode_text(b'\\xff', 'a.txt')", ValueError, ['a.txt is not UTF-8 text', 'save it as UTF-8']),
    *[(f"file_parts({bad})", ValueError, ['names must be a list of relative paths'])
      for bad in ('[]', 'None', "'abc'", '[1, 2]', "['']", '3')],
    ("file_parts(['a.png'], ['train'])", ValueError, ['given_parts must be a dictionary']),
    *[(parts_by(words), ValueError, [known, 'rename']) for words in
      (['train', 'unseen', 'test'], ['0', '1', '2'], [0, 1, 2], ['train', '', 'test'], ['train', None, 'test'],
       [[], {}, 1.5], ['a', 'b', 'c'])],
    *[(f"file_parts({[n + '.png' for n in tree.split()]})", ValueError, [known]) for tree in
      ('train/1 unseen/2', 'test/1 2', '1 2 val/3', 'train/1 cats/test/2', 'coco_train/1 coco_test/2',
       'photos/1 photos_val/2', 'Trainingsdaten/1 Testdaten/2', 'trainA/1 testA/2 extra/3', 'Training/1 TESTING/2 3')],
    ("file_parts(['train/test/1.png', 'train/cats/2.png'])", ValueError, ['in a folder for training and in one for']),
    ("file_parts(['train_0.png', 'test_0.png'])", ValueError, ['the names of all files hold a part', 'parts="drawn"']),
    ("attach_lists(folder)", ValueError, ['lists are attached to Files(folder)']),
    ("attach_lists(None)", ValueError, ['not to None']),
    ("attach_lists(gaps)", ValueError, ['metadata.jsonl in', 'leaves out 1 of the 2 images', '2.png']),
    ("attach_lists(text)", ValueError, ['the texts in', 'leaves out 1 of the 2 images', '2.png']),
    ("attach_lists(latin)", ValueError, ['1.txt in', 'is not UTF-8 text']),
    ("attach_lists(cut)", ValueError, ['captions.json is no list of captions']),
    ("attach_lists(other)", ValueError, ['metadata.csv in', 'leaves out 2 of the 2 images']),
    ("attach_lists(half)", ValueError, ['half_captions.json', 'leaves out 1 of the 2 images', '2.png']),
    ("attach_lists(bare)", ValueError, ['a/1.png, b/1.png', 'so write the folders too']),
    ("attach_lists(contrary)", ValueError, ["2.png in the part 'train'", "an earlier list in 'test'"]),
    ("attach_lists(both)", ValueError, ['1.png in train and in test']),
    ("plain_caption(None)", ValueError, ['a caption must be text, not None']),
    ("combination(3)", ValueError, ['a caption must be text, not 3']),
    ("split_by_caption(None)", ValueError, ["'NoneType' has no captions"]),
    ("split_by_caption(images)", ValueError, ['has no captions']),
    ("split_by_caption(odd)", ValueError, ['a caption must be text, not None']),
    ("split_by_caption(captioned)", ValueError, ['hold no combination']),
    ("repeat_rare_designs(images)", ValueError, ['has no captions']),
    ("repeat_rare_designs([1, 2])", ValueError, ["'list' has no captions"]),
    *[(f"repeat_rare_designs(captioned, {most})", ValueError, ['most must be a whole number of at least 1'])
      for most in ('0', '-1', '2.5', "'3'", 'None', "float('nan')", 'True')]]
