// What follows is the same for every schema.

/// A record with typed members. [record] is what the SDK has of it, with whatever else there is.
abstract class TypedRecord {
  const TypedRecord(this.record);

  final RecordModel record;

  String get id => record.id;
  String get collectionId => record.collectionId;
  String get collectionName => record.collectionName;

  @override
  String toString() => record.toString();
}

/// A value of a select field.
abstract interface class Choice {
  String get value;
}

/// What a record is made from or changed with.
abstract class RecordBody {
  const RecordBody();

  Map<String, dynamic> toBody();
  List<http.MultipartFile> toFiles() => const [];
}

/// The name of a field.
abstract interface class FieldName {
  String get fieldName;
}

/// A file to upload.
class Upload {
  const Upload(this.bytes, {required this.filename});

  final List<int> bytes;
  final String filename;

  http.MultipartFile toFile(String field) => http.MultipartFile.fromBytes(field, bytes, filename: filename);
}

class GeoPoint {
  const GeoPoint(this.lon, this.lat);

  factory GeoPoint.fromJson(Object? json) {
    final point = json as Map<String, dynamic>? ?? const {};
    return GeoPoint(_double(point["lon"]) ?? 0, _double(point["lat"]) ?? 0);
  }

  final double lon;
  final double lat;

  Map<String, dynamic> toJson() => {"lon": lon, "lat": lat};
}

String? _text(Object? value) => value as String?;
bool? _bool(Object? value) => value as bool?;
int? _int(Object? value) => (value as num?)?.toInt();
double? _double(Object? value) => (value as num?)?.toDouble();
DateTime? _date(Object? value) => value is String ? DateTime.tryParse(value) : null;
List<T> _list<T>(Object? value, T Function(Object? item) of) => [for (final item in value as List<dynamic>? ?? const <dynamic>[]) of(item)];
Map<String, T> _map<T>(Object? value, T Function(Object? item) of) =>
    (value as Map<String, dynamic>? ?? const <String, dynamic>{}).map((key, item) => MapEntry(key, of(item)));
RecordModel _record(Object? value) => RecordModel.fromJson(value as Map<String, dynamic>? ?? <String, dynamic>{});

T? _choice<T extends Choice>(List<T> all, Object? value) {
  for (final one in all) {
    if (one.value == value) return one;
  }
  return null;
}

Map<String, dynamic> _present(Map<String, dynamic> all, [Iterable<FieldName> clear = const []]) {
  all.removeWhere((_, value) => value == null);
  for (final field in clear) {
    all[field.fieldName] = null;
  }
  return all;
}

/// A moment as PocketBase writes it, to the millisecond.
String? _moment(DateTime? moment) => moment == null
    ? null
    : DateTime.fromMillisecondsSinceEpoch(moment.millisecondsSinceEpoch, isUtc: true).toIso8601String().replaceFirst("T", " ");

// Relations to send along.

/// What may be sent along with a record: a relation, or what a relation leads to.
class Link {
  const Link(this._path);

  final String _path;

  String _at(String name) => _path.isEmpty ? name : "$_path.$name";
}

typedef Expanding<L extends Link> = List<Link> Function(L relations);

String? _expand<L extends Link>(L Function(String path) links, Expanding<L>? expand) =>
    expand?.call(links("")).map((link) => link._path).join(",");

// Filters.

/// A filter for the records of a collection.
class Filter {
  const Filter(this.expression);

  final String expression;

  Filter operator &(Filter other) => Filter("${_enclosed(this)} && ${_enclosed(other)}");
  Filter operator |(Filter other) => Filter("${_enclosed(this)} || ${_enclosed(other)}");

  static String _enclosed(Filter filter) =>
      filter.expression.contains("&&") || filter.expression.contains("||") ? "(${filter.expression})" : filter.expression;

  @override
  String toString() => expression;
}

/// How to order records.
class Sort {
  const Sort(this.expression);

  final String expression;
}

String _literal(Object? value) {
  if (value == null || value is bool) return "$value";
  if (value is Choice) return _literal(value.value);
  if (value is DateTime) return _literal(_moment(value));
  if (value is num) {
    if (!value.isFinite) throw ArgumentError.value(value, "value", "cannot be in a filter");
    final text = "$value";
    if (!text.contains("e")) return text;
    return value.abs() > 1 ? BigInt.from(value).toString() : value.toStringAsFixed(20);
  }
  if (value is! String) throw ArgumentError.value(value, "value", "cannot be in a filter");
  if (value.contains("\u0000")) throw ArgumentError("a null character cannot be in a filter");
  return "'${value.replaceAll(r"\", r"\\").replaceAll("'", r"\'")}'";
}

/// Whether a comparison means any of many values or all, or there is but one.
enum _Mark { none, any, all }

/// The fields of a collection, in filters.
abstract class FieldsOf {
  const FieldsOf(this._prefix, this._mark);

  final String _prefix;
  final _Mark _mark;

  String _at(String name) => _prefix + name;
}

/// Something that a filter compares.
class Term<T> {
  const Term(this._path, this._mark);

  final String _path;
  final _Mark _mark;

  Sort get asc => Sort(_path);
  Sort get desc => Sort("-$_path");

  Filter eq(T? value) => _compare("=", value);
  Filter ne(T? value) => _compare("!=", value);

  /// Compares with another field: `f.updated.against(">", f.created)`.
  Filter against(String operator, Term<T> other) {
    if (!const {"=", "!=", ">", ">=", "<", "<=", "~", "!~"}.contains(operator)) {
      throw ArgumentError.value(operator, "operator", "is none of a filter");
    }
    return Filter("$_path ${_mark == _Mark.any ? "?" : ""}$operator ${other._path}");
  }

  Filter _compare(String operator, Object? value) => Filter("$_path ${_mark == _Mark.any ? "?" : ""}$operator ${_literal(value)}");

  _Mark _marked(_Mark mark) {
    if (_mark != _Mark.none && _mark != mark) throw ArgumentError("$_path: a filter cannot say any of one and all of another");
    return mark;
  }
}

class OrderTerm<T> extends Term<T> {
  const OrderTerm(super.path, super.mark);

  Filter gt(T value) => _compare(">", value);
  Filter gte(T value) => _compare(">=", value);
  Filter lt(T value) => _compare("<", value);
  Filter lte(T value) => _compare("<=", value);

  Filter isIn(List<T> values) {
    if (_mark == _Mark.all && values.length > 1) throw ArgumentError("$_path: a filter cannot say that all are among several values");
    return values.isEmpty ? const Filter("1 = 2") : values.map(eq).reduce((a, b) => a | b);
  }

  Filter isNotIn(List<T> values) => values.isEmpty ? const Filter("1 = 1") : values.map(ne).reduce((a, b) => a & b);
}

class TextTerm<T> extends OrderTerm<T> {
  const TextTerm(super.path, super.mark);

  /// Has the text in it, in small letters or capitals. With a % in it, it is a pattern for the whole.
  Filter like(String value) => _compare("~", value);
  Filter unlike(String value) => _compare("!~", value);

  /// The text in small letters.
  TextTerm<String> get lower => TextTerm<String>("$_path:lower", _mark);
}

class JSONTerm extends TextTerm<Object> {
  const JSONTerm(super.path, super.mark);

  /// What is at a path in it: `at("slaHours.low")`.
  TextTerm<Object> at(String path) {
    if (!RegExp(r"^\w+(\.\w+)*$").hasMatch(path)) throw ArgumentError.value(path, "path", "is no name in a filter");
    return TextTerm<Object>("$_path.$path", _mark);
  }
}

class PointTerm extends Term<Object> {
  const PointTerm(super.path, super.mark);

  OrderTerm<num> get lon => OrderTerm<num>("$_path.lon", _mark);
  OrderTerm<num> get lat => OrderTerm<num>("$_path.lat", _mark);

  /// How far it is to a point, in kilometers.
  OrderTerm<num> distanceTo(GeoPoint point) =>
      OrderTerm<num>("geoDistance($_path.lon, $_path.lat, ${_literal(point.lon)}, ${_literal(point.lat)})", _mark);
}

/// Many values: a filter says whether it means some of them or every one.
class ListTerm<T> extends Term<T> {
  const ListTerm(super.path, super.mark);

  OrderTerm<num> get length => OrderTerm<num>("$_path:length", _mark);
  Filter has(T value) => some.eq(value);
  TextTerm<T> get some => TextTerm<T>("$_path:each", _marked(_Mark.any));
  TextTerm<T> get every => TextTerm<T>("$_path:each", _marked(_Mark.all));
}

/// A relation to one record.
class ToOne<F extends FieldsOf> extends TextTerm<String> {
  const ToOne(super.path, super.mark, this._fields);

  final F Function(String prefix, _Mark mark) _fields;

  /// The fields of what it leads to.
  F get to => _fields("$_path.", _mark);
}

/// A relation to many records: a filter says whether it means any of them or all.
class ToMany<F extends FieldsOf> extends Term<String> {
  const ToMany(super.path, super.mark, this._fields);

  final F Function(String prefix, _Mark mark) _fields;

  OrderTerm<num> get length => OrderTerm<num>("$_path:length", _mark);
  Filter has(String id) => TextTerm<String>("$_path:each", _marked(_Mark.any)).eq(id);
  F get any => _fields("$_path.", _marked(_Mark.any));
  F get all => _fields("$_path.", _marked(_Mark.all));
}

typedef Filtering<F extends FieldsOf> = Filter Function(F fields);
typedef Sorting<F extends FieldsOf> = List<Sort> Function(F fields);

// Services.

/// A page of records.
class RecordPage<R> {
  const RecordPage(this.page, this.perPage, this.totalItems, this.totalPages, this.items);

  final int page;
  final int perPage;
  final int totalItems;
  final int totalPages;
  final List<R> items;
}

/// What a subscription is told: [action] is create, update or delete.
class RecordChange<R> {
  const RecordChange(this.action, this.record);

  final String action;
  final R record;
}

/// The answer to a sign-in.
class SignedIn<R> {
  const SignedIn(this.token, this.record, this.meta);

  final String token;
  final R record;
  final Map<String, dynamic> meta;
}

/// What can be done with the records of any collection. [service] is the SDK's own.
class ReadService<R extends TypedRecord, F extends FieldsOf, L extends Link> {
  const ReadService(this.service, this._wrap, this._fields, this._links);

  final RecordService service;
  final R Function(RecordModel record) _wrap;
  final F Function(String prefix, _Mark mark) _fields;
  final L Function(String path) _links;

  Future<R> getOne(String id, {Expanding<L>? expand, String? fields, Map<String, String> headers = const {}}) async =>
      _wrap(await service.getOne(id, expand: _expand(_links, expand), fields: fields, headers: headers));

  Future<RecordPage<R>> getList({
    int page = 1,
    int perPage = 30,
    bool skipTotal = false,
    Filtering<F>? filter,
    Sorting<F>? sort,
    Expanding<L>? expand,
    String? fields,
    Map<String, String> headers = const {},
  }) async {
    final list = await service.getList(
      page: page,
      perPage: perPage,
      skipTotal: skipTotal,
      filter: _filter(filter),
      sort: _sort(sort),
      expand: _expand(_links, expand),
      fields: fields,
      headers: headers,
    );
    return RecordPage<R>(list.page, list.perPage, list.totalItems, list.totalPages, list.items.map(_wrap).toList());
  }

  Future<List<R>> getFullList({
    int batch = 1000,
    Filtering<F>? filter,
    Sorting<F>? sort,
    Expanding<L>? expand,
    String? fields,
    Map<String, String> headers = const {},
  }) async {
    final all = await service.getFullList(
      batch: batch,
      filter: _filter(filter),
      sort: _sort(sort),
      expand: _expand(_links, expand),
      fields: fields,
      headers: headers,
    );
    return all.map(_wrap).toList();
  }

  Future<R> getFirst(Filtering<F> filter, {Expanding<L>? expand, String? fields, Map<String, String> headers = const {}}) async =>
      _wrap(await service.getFirstListItem(_filter(filter) ?? "", expand: _expand(_links, expand), fields: fields, headers: headers));

  String? _filter(Filtering<F>? filter) => filter?.call(_fields("", _Mark.none)).expression;
  String? _sort(Sorting<F>? sort) => sort?.call(_fields("", _Mark.none)).map((by) => by.expression).join(",");
}

/// A collection with records that can be made and changed.
class WriteService<R extends TypedRecord, C extends RecordBody, U extends RecordBody, F extends FieldsOf, L extends Link>
    extends ReadService<R, F, L> {
  const WriteService(super.service, super.wrap, super.fields, super.links);

  Future<R> create(C body, {Expanding<L>? expand, String? fields, Map<String, String> headers = const {}}) async => _wrap(await service.create(
        body: body.toBody(),
        files: body.toFiles(),
        expand: _expand(_links, expand),
        fields: fields,
        headers: headers,
      ));

  Future<R> update(String id, U body, {Expanding<L>? expand, String? fields, Map<String, String> headers = const {}}) async =>
      _wrap(await service.update(
        id,
        body: body.toBody(),
        files: body.toFiles(),
        expand: _expand(_links, expand),
        fields: fields,
        headers: headers,
      ));

  Future<void> delete(String id, {Map<String, String> headers = const {}}) => service.delete(id, headers: headers);

  Future<UnsubscribeFunc> subscribe(
    String topic,
    void Function(RecordChange<R> change) callback, {
    Filtering<F>? filter,
    Expanding<L>? expand,
    String? fields,
  }) =>
      service.subscribe(
        topic,
        (event) {
          final record = event.record;
          if (record != null) callback(RecordChange<R>(event.action, _wrap(record)));
        },
        filter: _filter(filter),
        expand: _expand(_links, expand),
        fields: fields,
      );
}

/// A collection whose records sign in.
class AuthService<R extends TypedRecord, C extends RecordBody, U extends RecordBody, F extends FieldsOf, L extends Link>
    extends WriteService<R, C, U, F, L> {
  const AuthService(super.service, super.wrap, super.fields, super.links);

  Future<SignedIn<R>> authWithPassword(String identity, String password, {Expanding<L>? expand}) async =>
      _signedIn(await service.authWithPassword(identity, password, expand: _expand(_links, expand)));

  Future<SignedIn<R>> authWithOTP(String otpId, String password, {Expanding<L>? expand}) async =>
      _signedIn(await service.authWithOTP(otpId, password, expand: _expand(_links, expand)));

  Future<SignedIn<R>> authRefresh({Expanding<L>? expand}) async => _signedIn(await service.authRefresh(expand: _expand(_links, expand)));

  SignedIn<R> _signedIn(RecordAuth auth) => SignedIn<R>(auth.token, _wrap(auth.record), auth.meta);
}

// Routes.

Map<String, String> _headers(Map<String, Object?> given, String? idempotencyKey) => {
      for (final entry in given.entries)
        if (entry.value != null) entry.key: "${entry.value}",
      if (idempotencyKey != null) "Idempotency-Key": idempotencyKey,
    };

/// A value as a part of a path, which must not lead elsewhere.
String _part(Object value) {
  final text = "$value";
  if (text.isEmpty || text == "." || text == "..") throw ArgumentError.value(text, "value", "cannot be a part of a path");
  return Uri.encodeComponent(text);
}

/// A value as the rest of a path.
String _rest(String value) => value.split("/").map(_part).join("/");

/// For answers that are no JSON, which the SDK would read as text.
Future<http.Response> _download(PocketBase pb, String method, String path, Map<String, dynamic> query, Map<String, String> headers) async {
  final client = pb.httpClientFactory();
  try {
    final request = http.Request(method, pb.buildURL(path, query))..headers.addAll(headers);
    if (pb.authStore.isValid) request.headers["Authorization"] = pb.authStore.token;
    final response = await http.Response.fromStream(await client.send(request));
    if (response.statusCode >= 400) {
      throw ClientException(url: request.url, statusCode: response.statusCode, response: {"message": response.body});
    }
    return response;
  } finally {
    client.close();
  }
}
